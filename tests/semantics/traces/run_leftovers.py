# SPDX-License-Identifier: BSL-1.0
# Rows: T-run-01 T-run-02 T-run-03 T-run-08
import asyncio

from telling import now, say


async def leftover(name, cleanup):
    try:
        await asyncio.sleep(100)
    except asyncio.CancelledError:
        await asyncio.sleep(cleanup)
        say(name, "is clean", now())
        raise


async def fails():
    try:
        await asyncio.sleep(100)
    except asyncio.CancelledError:
        raise ValueError


async def main():
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: say("reported", context["exception"]))
    tasks = [asyncio.create_task(leftover("a", 2)), asyncio.create_task(fails()), asyncio.create_task(leftover("b", 1))]
    await asyncio.sleep(1)
    nested = main()
    try:
        asyncio.run(nested)
    except RuntimeError as error:
        say(error)
        nested.close()
    return len(tasks)


say(asyncio.run(main()))
