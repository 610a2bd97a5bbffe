# SPDX-License-Identifier: BSL-1.0
# Tasks, a gather and a timeout.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [program]
async def fetch(what, time):
    await asyncio.sleep(time)  # this task waits, the others go on
    print(f"{what} is here")
    return what


async def main():
    bread, tea = await asyncio.gather(
        asyncio.create_task(fetch("bread", 2)), asyncio.create_task(fetch("tea", 1))
    )
    print(f"{bread} and {tea}: breakfast")
    try:
        await asyncio.wait_for(fetch("saffron", 9), 1)
    except asyncio.TimeoutError:
        print("no saffron today")


asyncio.run(main())
# [program]
