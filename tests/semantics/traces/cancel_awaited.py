# SPDX-License-Identifier: BSL-1.0
# Rows: T-cancel-04 T-cancel-05 T-cancel-06
import asyncio

from telling import error_of, now, say


async def inner():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        say("inner cleans up", now())
        await asyncio.sleep(2)
        say("inner is clean", now())
        raise


async def outer(t):
    try:
        await t
    except asyncio.CancelledError:
        say("outer is told", now())
        raise


async def main():
    b = asyncio.create_task(inner())
    a = asyncio.create_task(outer(b))
    watcher = asyncio.create_task(error_of(b))
    await asyncio.sleep(1)
    a.cancel()
    say("requests", a.cancelling(), b.cancelling())
    say(await error_of(a), a.cancelled(), b.cancelled())
    say("watcher", await watcher, watcher.cancelling())


asyncio.run(main())
