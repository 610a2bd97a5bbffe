# SPDX-License-Identifier: BSL-1.0
# Rows: T-gather-11 T-gather-12 T-gather-13
import asyncio

from telling import error_of, now, say


async def job(name, cleanup):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        await asyncio.sleep(cleanup)
        say(name, "is clean", now())
        raise


async def waits(all_of_them):
    say(await error_of(asyncio.gather(job("a", 1), job("b", 3), return_exceptions=all_of_them)), now())


async def main():
    for all_of_them in (False, True):
        t = asyncio.create_task(waits(all_of_them))
        await asyncio.sleep(1)
        t.cancel()
        await t
        await asyncio.sleep(5)


asyncio.run(main())
