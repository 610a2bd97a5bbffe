# SPDX-License-Identifier: BSL-1.0
# Rows: T-agen-07 T-agen-09
import asyncio

from telling import error_of, now, say


async def source(n, fails):
    for i in range(n):
        await asyncio.sleep(1)
        say("make", i, now())
        yield i
    if fails:
        raise ValueError
    say("source ends")


async def doubled(items):
    async for i in items:
        say("double", i)
        yield 2 * i
    say("doubled ends")


async def pairs(items):
    first = None
    async for i in items:
        if first is None:
            first = i
        else:
            say("pair", first, i)
            yield first + i
            first = None
    say("pairs ends", first)


async def main():
    async for i in pairs(doubled(source(5, False))):
        say("take", i, now())
        await asyncio.sleep(10)

    async def read():
        async for i in pairs(doubled(source(3, True))):
            say("take", i, now())

    say(await error_of(read()), now())


asyncio.run(main())
