# SPDX-License-Identifier: BSL-1.0
# Rows: T-wfor-09 T-wfor-10
import asyncio

from telling import error_of, now, say


async def inner():
    try:
        await asyncio.sleep(10)
    finally:
        await asyncio.sleep(1)
        say("inner is clean", now())


async def main():
    for limit in (5, None):
        t = asyncio.create_task(inner())
        caller = asyncio.create_task(asyncio.wait_for(t, limit))
        await asyncio.sleep(1)
        caller.cancel()
        say(await error_of(caller), t.cancelled(), now())


asyncio.run(main())
