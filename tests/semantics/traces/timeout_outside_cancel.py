# SPDX-License-Identifier: BSL-1.0
# Rows: T-tmo-13 T-tmo-14 T-tmo-15 T-tmo-16
# Since: 3.12 (and the later releases of 3.11)
# Stored trace: CPython 3.14.10
import asyncio

from telling import error_of, now, say


async def limited(seconds):
    async with asyncio.timeout(seconds):
        await asyncio.sleep(10)


async def tries():
    me = asyncio.current_task()
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        say("swallowed", me.cancelling())
    say(await error_of(limited(1)), me.cancelling(), now())


async def main():
    loop = asyncio.get_running_loop()
    t = asyncio.create_task(limited(5))
    loop.call_later(1, t.cancel)
    say(await error_of(t), t.cancelling(), now())
    both = asyncio.create_task(limited(2))
    await asyncio.sleep(0)
    loop.call_later(2, both.cancel)
    say(await error_of(both), both.cancelling(), now())
    swallower = asyncio.create_task(tries())
    loop.call_later(1, swallower.cancel)
    await swallower


asyncio.run(main())
