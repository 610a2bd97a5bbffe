# SPDX-License-Identifier: BSL-1.0
# One job of a gather fails: its error arrives at once, and the other jobs go on.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [failure]
async def pack(what, time):
    await asyncio.sleep(time)
    if what == "glass":
        raise RuntimeError("the glass broke")
    print(f"{what} packed")


async def main():
    try:
        await asyncio.gather(pack("books", 1), pack("glass", 2), pack("lamp", 3))
    except RuntimeError as error:
        print(f"caught: {error}")
    await asyncio.sleep(2)  # nobody cancelled the lamp
    print("done")


asyncio.run(main())
# [failure]
