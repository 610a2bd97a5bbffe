# SPDX-License-Identifier: BSL-1.0
# Rows: T-wait-02 T-wait-04 T-wait-07
import asyncio

from telling import error_of, now, say


async def job(name, seconds):
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        say(name, "cancelled")
        raise
    say(name, "done", now())
    return seconds


async def main():
    tasks = [asyncio.create_task(job("a", 3)), asyncio.create_task(job("b", 5))]
    waiter = asyncio.create_task(asyncio.wait(tasks))
    await asyncio.sleep(1)
    waiter.cancel()
    say(await error_of(waiter), now())
    say([t.done() for t in tasks].count(True))
    tasks[1].cancel()
    done, pending = await asyncio.wait(tasks, timeout=1)
    say(len(done), len(pending), now())
    done, pending = await asyncio.wait(tasks, timeout=0)
    say(len(done), len(pending), now())
    done, pending = await asyncio.wait([tasks[0], tasks[0]])
    say(len(done), len(pending), tasks[0].result(), now())


asyncio.run(main())
