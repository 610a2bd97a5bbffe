# SPDX-License-Identifier: BSL-1.0
# A limit on time, and a cancellation: both unwind the function from where it waits.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
async def slow_work():
    try:
        await asyncio.sleep(5)
        print("work done")
    except asyncio.CancelledError:
        print("work stopped, tools put away")
        raise


async def main():
    try:
        await asyncio.wait_for(slow_work(), timeout=2)
    except asyncio.TimeoutError:
        print("time is up")
    task = asyncio.create_task(slow_work())
    await asyncio.sleep(1)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("the task was cancelled")


asyncio.run(main())
# [main]
