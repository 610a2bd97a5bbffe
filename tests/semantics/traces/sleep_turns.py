# SPDX-License-Identifier: BSL-1.0
# Rows: T-sleep-01 T-sleep-03 T-loop-01
import asyncio

from telling import now, say


async def turns(name, count, delay):
    for i in range(count):
        say(name, i)
        await asyncio.sleep(delay)
    say(name, "ends")


async def main():
    await asyncio.gather(turns("a", 3, 0), turns("b", 2, -1), turns("c", 1, 0))
    say(await asyncio.sleep(1, "value"), now())


asyncio.run(main())
