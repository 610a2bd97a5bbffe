# SPDX-License-Identifier: BSL-1.0
# Since: 3.13
# Stored trace: CPython 3.14.10
# Rows: T-queue-14 T-queue-15 T-queue-16 T-queue-17 T-queue-18
import asyncio

from telling import error_of, say


async def consumer(q, name):
    try:
        while True:
            item = await q.get()
            say(name, "got", item)
            q.task_done()
    except asyncio.QueueShutDown:
        say(name, "ends")


async def producer(q, items):
    for item in items:
        await q.put(item)
        say("put", item)


async def gently():
    q = asyncio.Queue(2)
    putting = asyncio.create_task(producer(q, ["a", "b", "c", "d"]))
    await asyncio.sleep(0)
    q.shutdown()
    say(q.qsize(), await error_of(putting), await error_of(q.put("late")))
    await asyncio.gather(consumer(q, "first"), consumer(q, "second"))
    await q.join()
    say("joined", await error_of(q.get()))


async def at_once():
    q = asyncio.Queue()
    waiting = asyncio.create_task(consumer(q, "waiting"))
    await asyncio.sleep(0)
    await producer(q, [1, 2, 3])
    joining = asyncio.create_task(q.join())
    q.shutdown(immediate=True)
    say(q.qsize(), q.empty())
    await asyncio.gather(waiting, joining)
    say("joined", await error_of(q.get()))


asyncio.run(gently())
asyncio.run(at_once())
