# SPDX-License-Identifier: BSL-1.0
# Rows: T-cancel-07 T-cancel-08 T-cancel-09
import asyncio

from telling import say


async def stubborn():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        say("swallowed")
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        say("swallowed again")
    return "value"


async def waits(t):
    v = await t
    say("goes on with", v, asyncio.current_task().cancelling())


async def main():
    t = asyncio.create_task(stubborn())
    a = asyncio.create_task(waits(t))
    await asyncio.sleep(1)
    t.cancel()
    await asyncio.sleep(1)
    a.cancel()
    await a
    say(t.cancelled(), t.result(), t.cancelling(), a.cancelled())


asyncio.run(main())
