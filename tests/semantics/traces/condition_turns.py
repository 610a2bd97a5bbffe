# SPDX-License-Identifier: BSL-1.0
# Rows: T-cond-01 T-cond-02 T-cond-03 T-cond-05 T-cond-07 T-cond-12
import asyncio

from telling import error_of, now, say


async def main():
    lock = asyncio.Lock()
    ready = asyncio.Condition(lock)
    state = 0

    async def waiter(name):
        async with ready:
            try:
                say(name, await ready.wait(), lock.locked(), now())
            except asyncio.CancelledError:
                say(name, "cancelled", lock.locked(), now())
                raise

    async def until(value):
        async with ready:
            say("until", await ready.wait_for(lambda: state >= value), state, now())

    tasks = [asyncio.create_task(waiter(name)) for name in "abc"]
    tasks.append(asyncio.create_task(until(2)))
    await asyncio.sleep(1)
    say(lock.locked())
    async with ready:
        ready.notify(2)
        await asyncio.sleep(1)
        say("let go", now())
    await asyncio.sleep(1)
    async with ready:
        tasks[2].cancel()
        await asyncio.sleep(1)
        say("let go", now())
    await asyncio.sleep(1)
    for state in (1, 2):
        async with ready:
            ready.notify_all()
        await asyncio.sleep(1)
    await asyncio.gather(*tasks, return_exceptions=True)
    try:
        ready.notify()
    except RuntimeError as error:
        say(error)
    say(await error_of(ready.wait()), lock.locked())


asyncio.run(main())
