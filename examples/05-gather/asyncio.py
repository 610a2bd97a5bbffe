# SPDX-License-Identifier: BSL-1.0
# Several jobs at once: they end in their own order, the results stand in the order of the arguments.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
async def job(name, seconds):
    await asyncio.sleep(seconds)
    print(f"{name} done")
    return seconds


async def main():
    results = await asyncio.gather(job("slow", 3), job("quick", 1), job("middling", 2))
    print("results:", *results)


asyncio.run(main())
# [main]
