# SPDX-License-Identifier: BSL-1.0
# Rows: T-cancel-13 T-cancel-14 T-cancel-15
import asyncio

from telling import now, say


async def counts():
    me = asyncio.current_task()
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        say("once", me.cancelling())
    say(me.uncancel(), me.uncancel(), me.uncancel())
    await asyncio.sleep(1)
    say("undisturbed", now())


async def main():
    t = asyncio.create_task(counts())
    await asyncio.sleep(1)
    say(t.cancel(), t.cancel())
    await t


asyncio.run(main())
