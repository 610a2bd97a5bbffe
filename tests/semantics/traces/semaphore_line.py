# SPDX-License-Identifier: BSL-1.0
# Rows: T-sem-01 T-sem-02 T-sem-03 T-sem-04
import asyncio

from telling import error_of, now, say


async def main():
    semaphore = asyncio.Semaphore(2)

    async def work(name, seconds):
        try:
            async with semaphore:
                say(name, "in", now())
                await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            say(name, "cancelled", now())
            raise
        say(name, "out", now())

    tasks = [asyncio.create_task(work(name, seconds)) for name, seconds in zip("abcdef", (3, 1, 2, 2, 1, 1))]
    await asyncio.sleep(0)
    say(semaphore.locked())
    await asyncio.sleep(2)
    tasks[3].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    say(semaphore.locked(), now())
    bounded = asyncio.BoundedSemaphore(1)
    try:
        bounded.release()
    except ValueError as error:
        say(error)
    await bounded.acquire()
    say(bounded.locked(), await error_of(asyncio.wait_for(bounded.acquire(), 1)))
    bounded.release()
    say(bounded.locked())


asyncio.run(main())
