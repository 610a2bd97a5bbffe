# SPDX-License-Identifier: BSL-1.0
# Rows: T-lock-01 T-lock-02 T-lock-03 T-lock-05 T-lock-06
import asyncio

from telling import error_of, now, say


async def main():
    lock = asyncio.Lock()

    async def holder(name, seconds):
        try:
            async with lock:
                say(name, "in", now())
                await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            say(name, "cancelled", now())
            raise
        say(name, "out", lock.locked())

    tasks = [asyncio.create_task(holder(name, 2)) for name in "abcd"]
    await asyncio.sleep(1)
    tasks[1].cancel()
    await asyncio.sleep(0)
    say("b", tasks[1].cancelled())
    await asyncio.sleep(2)
    tasks[2].cancel()
    say(await error_of(asyncio.gather(*tasks[3:])), lock.locked(), now())
    say(await error_of(asyncio.wait_for(lock.acquire(), 1)), lock.locked())
    say(await error_of(asyncio.wait_for(lock.acquire(), 1)), now())
    lock.release()
    try:
        lock.release()
    except RuntimeError as error:
        say(error)


asyncio.run(main())
