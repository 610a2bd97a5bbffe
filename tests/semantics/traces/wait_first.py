# SPDX-License-Identifier: BSL-1.0
# Rows: T-wait-01 T-wait-03 T-wait-06
import asyncio

from telling import error_of, now, say


async def job(seconds, fails=False):
    await asyncio.sleep(seconds)
    if fails:
        raise ValueError
    return seconds


async def main():
    tasks = [asyncio.create_task(job(s)) for s in (1, 2, 1)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    say(len(done), len(pending), now())
    tasks = [asyncio.create_task(job(s, s == 2)) for s in (1, 2, 3)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    say(len(done), len(pending), now(), await error_of(tasks[1]))
    done, pending = await asyncio.wait(tasks)
    say(len(done), len(pending), now())


asyncio.run(main())
