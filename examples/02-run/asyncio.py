# SPDX-License-Identifier: BSL-1.0
# Running it: run makes a loop, works until the function has returned, and hands over its result.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
async def greet(name):
    print(f"hello, {name}")
    await asyncio.sleep(1)
    print(f"goodbye, {name}")
    return len(name)


letters = asyncio.run(greet("Roya"))
print(f"{letters} letters")
# [main]
