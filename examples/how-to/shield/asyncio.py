# SPDX-License-Identifier: BSL-1.0
"""Work that must not stop halfway goes on in a shield; a request that was met is given back with uncancel."""
import asyncio


# [main]
async def save():
    await asyncio.sleep(3)
    print("saved")
    return 7


async def worker():
    saving = asyncio.create_task(save())
    try:
        await asyncio.shield(saving)
    except asyncio.CancelledError:
        print(f"asked to stop, {asyncio.current_task().cancelling()} request open")
        pages = await saving  # the save itself was not cancelled
        print(f"{pages} pages, {asyncio.current_task().uncancel()} requests left")
    await asyncio.sleep(1)  # not interrupted
    print("at the end")


async def main():
    work = asyncio.create_task(worker())
    await asyncio.sleep(1)
    work.cancel()
    await work
    print("cancelled" if work.cancelled() else "ended normally")


asyncio.run(main())
# [main]
