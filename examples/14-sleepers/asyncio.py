# SPDX-License-Identifier: BSL-1.0
# 100,000 tasks that sleep at the same time, each a coroutine.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
async def nap(seconds):
    await asyncio.sleep(seconds)
    return seconds


async def main():
    loop = asyncio.get_running_loop()
    start = loop.time()
    slept = await asyncio.gather(*(nap(1 + i % 10) for i in range(100_000)))
    print(f"{len(slept)} sleepers slept {sum(slept)} s in {loop.time() - start:.0f} s")


asyncio.run(main())
# [main]
