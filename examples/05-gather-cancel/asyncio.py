# SPDX-License-Identifier: BSL-1.0
# A timeout around a gather cancels every job that has not finished.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [cancel]
async def pack(what, time):
    try:
        await asyncio.sleep(time)
        print(f"{what} packed")
    except asyncio.CancelledError:
        print(f"{what} put back")
        raise  # a cancellation is passed on


async def pack_all():
    await asyncio.gather(pack("books", 1), pack("lamp", 5), pack("mirror", 9))


async def main():
    try:
        await asyncio.wait_for(pack_all(), 2)
    except asyncio.TimeoutError:
        print("out of time")


asyncio.run(main())
# [cancel]
