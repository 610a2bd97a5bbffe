# SPDX-License-Identifier: BSL-1.0
"""Six pages are fetched, never more than two at the same time."""
import asyncio


# [main]
async def fetch(places, page):
    async with places:
        await asyncio.sleep(1)
        return 10 * page


async def main():
    loop = asyncio.get_running_loop()
    start = loop.time()
    places = asyncio.Semaphore(2)
    pages = [asyncio.create_task(fetch(places, page)) for page in range(1, 7)]
    for size in await asyncio.gather(*pages):
        print(size, end=" ")
    print(f"in {round(loop.time() - start)} s")


asyncio.run(main())
# [main]
