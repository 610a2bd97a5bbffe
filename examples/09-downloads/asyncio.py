# SPDX-License-Identifier: BSL-1.0
# Five downloads at once, as fast as the slowest of them. How long each takes is fixed, so that every run prints the same.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


# [main]
SECONDS = {1: 3, 2: 5, 3: 1, 4: 4, 5: 2}


async def download(file):
    print(f"file {file}: begun")
    await asyncio.sleep(SECONDS[file])
    print(f"file {file}: complete")
    return file


async def main():
    loop = asyncio.get_running_loop()
    start = loop.time()
    files = await asyncio.gather(*(download(file) for file in SECONDS))
    print("all files:", *files)
    print(f"{sum(SECONDS.values())} s of downloads in {loop.time() - start:.0f} s")


asyncio.run(main())
# [main]
