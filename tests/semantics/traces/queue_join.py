# SPDX-License-Identifier: BSL-1.0
# Rows: T-queue-11 T-queue-12 T-queue-13
import asyncio

from telling import error_of, now, say


async def main():
    queue = asyncio.Queue()

    async def worker(name):
        while True:
            item = await queue.get()
            await asyncio.sleep(item)
            say(name, item, now())
            queue.task_done()

    await queue.join()
    for item in (3, 1, 2, 1):
        queue.put_nowait(item)
    workers = [asyncio.create_task(worker(name)) for name in "ab"]
    await asyncio.gather(queue.join(), queue.join())
    say("joined", queue.empty(), now())
    queue.put_nowait(1)
    say(await error_of(asyncio.wait_for(queue.join(), 0.5)), now())
    await queue.join()
    for w in workers:
        w.cancel()
    say(*await asyncio.gather(*workers, return_exceptions=True), now())
    try:
        queue.task_done()
    except ValueError as error:
        say(error)


asyncio.run(main())
