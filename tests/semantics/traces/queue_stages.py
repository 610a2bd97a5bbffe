# SPDX-License-Identifier: BSL-1.0
# Rows: T-pipe-02
import asyncio

from telling import now, say


async def main():
    end = object()

    async def source(out):
        for i in range(5):
            await out.put(i)
            say("source", i, now())
        await out.put(end)

    async def stage(name, f, pause, into, out):
        while (item := await into.get()) is not end:
            await asyncio.sleep(pause)
            await out.put(f(item))
            say(name, item, now())
        await out.put(end)

    async def sink(into):
        total = 0
        while (item := await into.get()) is not end:
            say("sink", item, now())
            total += item
        return total

    queues = [asyncio.Queue(1) for _ in range(3)]
    *_, total = await asyncio.gather(
        source(queues[0]),
        stage("double", lambda i: 2 * i, 1, queues[0], queues[1]),
        stage("add", lambda i: i + 1, 2, queues[1], queues[2]),
        sink(queues[2]),
    )
    say(total, now(), all(q.empty() for q in queues))


asyncio.run(main())
