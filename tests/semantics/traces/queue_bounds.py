# SPDX-License-Identifier: BSL-1.0
# Rows: T-queue-01 T-queue-02 T-queue-03 T-queue-04 T-queue-05 T-queue-19
import asyncio

from telling import now, say


async def main():
    queue = asyncio.Queue(2)

    async def producer(name, count):
        for i in range(count):
            await queue.put(name + str(i))
            say(name, "put", i, queue.qsize(), now())

    async def consumer(pause):
        for _ in range(6):
            item = await queue.get()
            say("got", item, queue.qsize(), queue.full(), now())
            await asyncio.sleep(pause)

    await asyncio.gather(producer("a", 4), producer("b", 2), consumer(1))
    say(queue.empty(), queue.maxsize)
    for f in (queue.get_nowait, lambda: [queue.put_nowait(i) for i in range(3)]):
        try:
            f()
        except Exception as error:
            say(error, queue.qsize())


asyncio.run(main())
