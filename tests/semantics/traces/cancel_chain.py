# SPDX-License-Identifier: BSL-1.0
# Rows: T-cancel-04 T-cancel-05
import asyncio

from telling import error_of, now, say


async def leaf():
    try:
        await asyncio.sleep(100)
    except asyncio.CancelledError:
        await asyncio.sleep(3)
        say("leaf is clean", now())
        raise


async def link(name, on):
    try:
        await on
    except asyncio.CancelledError:
        say(name, "cancelled", now())
        raise


async def main():
    t = asyncio.create_task(leaf())
    a = asyncio.create_task(link("a", t))
    b = asyncio.create_task(link("b", a))
    await asyncio.sleep(1)
    b.cancel()
    await asyncio.sleep(1)
    say(b.done(), a.done(), t.done(), b.cancelling(), a.cancelling(), t.cancelling())
    say(await error_of(b), b.cancelled(), a.cancelled(), t.cancelled(), now())


asyncio.run(main())
