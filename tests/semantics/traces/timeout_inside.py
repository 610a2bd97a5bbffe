# SPDX-License-Identifier: BSL-1.0
# Rows: T-tmo-02 T-tmo-05 T-tmo-06 T-tmo-07
import asyncio

from telling import error_of, now, say


async def main():
    async def inner_first():
        async with asyncio.timeout(3) as outer:
            try:
                async with asyncio.timeout(1) as inner:
                    await asyncio.sleep(10)
            except TimeoutError:
                say("inner", inner.expired(), outer.expired(), now())
            await asyncio.sleep(10)

    async def outer_first():
        async with asyncio.timeout(1) as outer:
            try:
                async with asyncio.timeout(3) as inner:
                    await asyncio.sleep(10)
            except TimeoutError:
                say("never")
            finally:
                say("outer", inner.expired(), outer.expired(), now())

    async def body_fails():
        async with asyncio.timeout(1):
            raise ValueError

    async def in_time():
        async with asyncio.timeout(5) as limit:
            await asyncio.sleep(1)
        say("in time", limit.expired(), now())

    for f in (inner_first, outer_first, body_fails, in_time):
        say(await error_of(f()), asyncio.current_task().cancelling(), now())


asyncio.run(main())
