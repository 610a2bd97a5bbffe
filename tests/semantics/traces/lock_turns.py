# SPDX-License-Identifier: BSL-1.0
# Rows: T-lock-03 T-lock-07
import asyncio

from telling import say


async def main():
    lock = asyncio.Lock()

    async def turns(name):
        for _ in range(3):
            async with lock:
                say(name, lock.locked())
                await asyncio.sleep(0)

    async def watch():
        for _ in range(6):
            say("watch", lock.locked())
            await asyncio.sleep(0)

    await asyncio.gather(turns("a"), turns("b"), watch())
    say(lock.locked())


asyncio.run(main())
