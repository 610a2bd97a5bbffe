# SPDX-License-Identifier: BSL-1.0
# Rows: T-tmo-03 T-tmo-04 T-tmo-09 T-tmo-12
import asyncio

from telling import now, say


async def scope(delay, change, sleeps):
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(delay) as s:
            if change is not False:
                s.reschedule(None if change is None else loop.time() + change)
            await asyncio.sleep(sleeps)
        say("in time", s.expired(), now())
    except TimeoutError:
        say("late", s.expired(), now())


async def main():
    await scope(None, False, 1)
    await scope(0, False, 1)
    await scope(1, 3, 2)
    await scope(5, 1, 2)
    await scope(1, None, 2)
    await scope(None, 1, 2)
    await scope(5, -1, 2)
    async with asyncio.timeout(0) as s:
        say("never suspends")
    say(s.expired())


asyncio.run(main())
