# SPDX-License-Identifier: BSL-1.0
# A chain of stages, each of which may wait: readings come in, are filtered, and are turned into words.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
async def readings():
    for degrees in (18, 35, 21, 40):
        await asyncio.sleep(1)  # as if from a sensor
        yield degrees


async def hot_ones(source):
    async for degrees in source:
        if degrees > 30:
            yield degrees


async def warnings(source):
    async for degrees in source:
        await asyncio.sleep(0.5)  # as if looked up somewhere
        yield f"warning: {degrees} degrees"


async def main():
    async for text in warnings(hot_ones(readings())):
        print(text)
    print("all read")


asyncio.run(main())
# [main]
