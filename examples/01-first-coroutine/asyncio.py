# SPDX-License-Identifier: BSL-1.0
# A function that pauses in the middle and goes on later.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
async def brew():
    print("water on")
    await asyncio.sleep(1)  # the function stops here, the program does not
    print("tea ready")


asyncio.run(brew())
# [main]
