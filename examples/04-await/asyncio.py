# SPDX-License-Identifier: BSL-1.0
# Awaiting: a call takes its turn, a task runs on beside it.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
async def bake(what, seconds):
    print(f"{what} in the oven")
    await asyncio.sleep(seconds)
    print(f"{what} out of the oven")
    return what


async def main():
    loop = asyncio.get_running_loop()
    start = loop.time()
    cake = asyncio.create_task(bake("cake", 2))  # begins when main waits
    bread = await bake("bread", 1)  # begins here and now
    print(f"{bread} after {loop.time() - start:.0f} s")
    print(f"{await cake} after {loop.time() - start:.0f} s")


asyncio.run(main())
# [main]
