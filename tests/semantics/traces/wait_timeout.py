# SPDX-License-Identifier: BSL-1.0
# Rows: T-wait-02 T-wait-04
import asyncio

from telling import error_of, now, say


async def job(name, seconds):
    await asyncio.sleep(seconds)
    say(name, now())


async def waits(tasks):
    await asyncio.wait(tasks)


async def main():
    tasks = [asyncio.create_task(job("a", 1)), asyncio.create_task(job("b", 4))]
    done, pending = await asyncio.wait(tasks, timeout=2)
    say(len(done), len(pending), now())
    t = asyncio.create_task(waits(pending))
    await asyncio.sleep(1)
    t.cancel()
    say(await error_of(t), now())
    await tasks[1]


asyncio.run(main())
