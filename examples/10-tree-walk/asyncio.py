# SPDX-License-Identifier: BSL-1.0
# Recursion that waits at every depth. Each level is a coroutine, down to the last.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


HOUSE = ("house", [("cellar", [("wine", [])]), ("kitchen", [("drawer", [])])])
GARDEN = ("garden", [("shed", [("tools", [])]), ("pond", [])])


# [main]
async def walk(folder, above, pause):
    await asyncio.sleep(pause)  # as if from a slow disk
    name, inside = folder
    path = above + name
    print(path)
    count = 1
    for each in inside:
        count += await walk(each, path + "/", pause)
    return count


async def measure(tree, pause):
    loop = asyncio.get_running_loop()
    start = loop.time()
    count = await walk(tree, "", pause)
    print(f"{tree[0]}: {count} folders in {loop.time() - start:.0f} s")


async def main():
    await asyncio.gather(measure(HOUSE, 1), measure(GARDEN, 0.25))


asyncio.run(main())
# [main]
