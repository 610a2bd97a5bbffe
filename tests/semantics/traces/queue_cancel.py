# SPDX-License-Identifier: BSL-1.0
# Rows: T-queue-07 T-queue-08 T-queue-09 T-queue-10
import asyncio

from telling import error_of, now, say


async def main():
    queue = asyncio.Queue(1)

    async def get(name):
        try:
            say(name, await queue.get(), now())
        except asyncio.CancelledError:
            say(name, "cancelled", queue.qsize())
            raise

    async def put(item):
        try:
            await queue.put(item)
            say("put", item, now())
        except asyncio.CancelledError:
            say("put", item, "cancelled", queue.qsize())
            raise

    async def settle(*tasks):
        await asyncio.gather(*tasks, return_exceptions=True)
        say("size", queue.qsize(), now())

    a, b = (asyncio.create_task(get(name)) for name in "ab")
    await asyncio.sleep(1)
    queue.put_nowait(1)
    a.cancel()
    await settle(a, b)
    c, d = (asyncio.create_task(get(name)) for name in "cd")
    await asyncio.sleep(1)
    c.cancel()
    await asyncio.sleep(0)
    queue.put_nowait(2)
    await settle(c, d)
    queue.put_nowait(3)
    p, q = (asyncio.create_task(put(item)) for item in (4, 5))
    await asyncio.sleep(1)
    say(queue.get_nowait())
    p.cancel()
    await settle(p, q)
    say(queue.get_nowait())
    say(await error_of(asyncio.wait_for(queue.get(), 1)), now())
    queue.put_nowait(6)
    await asyncio.sleep(1)
    await settle()


asyncio.run(main())
