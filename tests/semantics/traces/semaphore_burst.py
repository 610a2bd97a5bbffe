# SPDX-License-Identifier: BSL-1.0
# Since: 3.13
# Stored trace: CPython 3.14.10
# Rows: T-sem-05 T-sem-07 T-sem-08
import asyncio

from telling import say


async def worker(semaphore, name):
    async with semaphore:
        say(name, "in")
        asyncio.get_running_loop().call_soon(say, "after", name)
        await asyncio.sleep(1)
    say(name, "out")


async def main():
    semaphore = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(worker(semaphore, name)) for name in "abcd"]
    await asyncio.sleep(0)
    for _ in range(3):
        semaphore.release()
    tasks[1].cancel()
    await asyncio.wait(tasks)
    say(*(t.cancelled() for t in tasks), semaphore.locked())


asyncio.run(main())
