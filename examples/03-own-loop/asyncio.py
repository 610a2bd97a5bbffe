# SPDX-License-Identifier: BSL-1.0
# A loop of one's own, for more than one run and for plain callbacks.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
async def greet(name):
    print(f"hello, {name}")
    await asyncio.sleep(1)
    print(f"goodbye, {name}")


loop = asyncio.new_event_loop()
loop.call_later(0.5, lambda: print("half time"))
loop.run_until_complete(greet("Roya"))
loop.run_until_complete(greet("Babak"))
loop.close()
# [main]
