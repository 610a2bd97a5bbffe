# SPDX-License-Identifier: BSL-1.0
# A counter that waits between its numbers, and something else that gets its turns meanwhile.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
async def counter(name, pause):
    for number in range(3):
        print(name, number)
        await asyncio.sleep(pause)


async def main():
    await asyncio.gather(counter("tick", 2), counter("drip", 3))


asyncio.run(main())
# [main]
