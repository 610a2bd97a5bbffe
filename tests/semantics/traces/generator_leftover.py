# SPDX-License-Identifier: BSL-1.0
# Rows: T-agen-06 T-agen-10 T-run-04
import asyncio

from telling import now, say


async def numbers(name, pause, fails):
    try:
        i = 0
        while True:
            yield i
            i += 1
    except GeneratorExit:
        await asyncio.sleep(pause)
        say(name, "ends", now())
        if fails:
            raise ValueError
        raise


async def leftover():
    try:
        await asyncio.sleep(100)
    except asyncio.CancelledError:
        await asyncio.sleep(1)
        say("task ends", now())
        raise


kept = []


async def main():
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: say("reported", context["exception"]))
    kept.extend([numbers("slow", 3, False), numbers("fails", 2, True), numbers("quick", 1, False), numbers("fresh", 1, False)])
    for g in kept[:3]:
        say(await anext(g))
    task = asyncio.create_task(leftover())
    await asyncio.sleep(0)
    kept.append(task)
    say("main ends", now())


asyncio.run(main())
say("all over")
