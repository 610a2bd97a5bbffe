# SPDX-License-Identifier: BSL-1.0
# Rows: T-task-01 T-task-03 T-insp-01
import asyncio

from telling import say


async def work(name, turns):
    say(name, "begins")
    for _ in range(turns):
        await asyncio.sleep(0)
    say(name, "ends")
    return name


async def main():
    tasks = [asyncio.create_task(work(n, t)) for n, t in (("a", 2), ("b", 0), ("c", 1))]
    say("made", len(asyncio.all_tasks()))
    say(await tasks[1])
    say(await tasks[0], await tasks[2], len(asyncio.all_tasks()))


asyncio.run(main())
