# SPDX-License-Identifier: BSL-1.0
# Rows: T-pipe-01
import asyncio

from telling import error_of, now, say


async def readings():
    try:
        for i in range(100):
            await asyncio.sleep(1)
            yield i
    except asyncio.CancelledError:
        say("source cancelled", now())
        raise


async def kept(source, keep):
    async for i in source:
        if keep(i):
            yield i


async def mapped(source, f):
    async for i in source:
        yield await f(i)


async def square(i):
    await asyncio.sleep(0.5)
    return i * i


async def main():
    async def reader():
        async for i in mapped(kept(readings(), lambda i: i % 3 == 0), square):
            say("got", i, now())

    task = asyncio.create_task(reader())
    await asyncio.sleep(10.25)
    task.cancel()
    say(await error_of(task), now())
    say(len(asyncio.all_tasks()))


asyncio.run(main())
