# SPDX-License-Identifier: BSL-1.0
# Rows: T-queue-06
import asyncio

from telling import say


async def main():
    for queue in (asyncio.Queue(), asyncio.LifoQueue(), asyncio.PriorityQueue()):
        for item in (3, 1, 4, 1, 5, 9, 2, 6):
            queue.put_nowait(item)
        say(*[queue.get_nowait() for _ in range(5)])
        await queue.put(0)
        say(*[await queue.get() for _ in range(4)])


asyncio.run(main())
