# SPDX-License-Identifier: BSL-1.0
# A counter that makes its numbers one at a time and waits between them; another one gets its turns meanwhile.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
async def counter(last, pause):
    for number in range(last):
        yield number
        await asyncio.sleep(pause)


async def show(name, numbers):
    async for number in numbers:
        print(name, number)


async def main():
    await asyncio.gather(show("tick", counter(3, 2)), show("drip", counter(3, 3)))


asyncio.run(main())
# [main]
