# SPDX-License-Identifier: BSL-1.0
# What takes the place of sort and next, whose callbacks cannot wait: the algorithms, written again as coroutines.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
async def lighter(a, b):
    await asyncio.sleep(1)  # a weighing takes its time
    return a < b


async def sort(stones):  # list.sort cannot await its comparison
    for end in range(1, len(stones)):
        for i in range(end, 0, -1):
            if not await lighter(stones[i], stones[i - 1]):
                break
            stones[i], stones[i - 1] = stones[i - 1], stones[i]


async def find_heavier(stones, than):
    for stone in stones:
        if await lighter(than, stone):
            return stone


async def sort_stones():
    stones = [5, 2, 9, 4]
    await sort(stones)
    print("sorted:", *stones)
    loop = asyncio.get_running_loop()
    start = loop.time()
    heavy = await find_heavier(stones, 4)
    print(f"the first above 4 kg: {heavy}, found in {loop.time() - start:.0f} s")


async def boil_water():
    await asyncio.sleep(2.5)
    print("the water boils")


async def main():
    await asyncio.gather(sort_stones(), boil_water())


asyncio.run(main())
# [main]
