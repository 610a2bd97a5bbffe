# SPDX-License-Identifier: BSL-1.0
# Rows: T-shield-01 T-shield-02 T-shield-03 T-shield-04
import asyncio

from telling import error_of, now, say


async def work(fails=False):
    await asyncio.sleep(2)
    say("worked", now())
    if fails:
        raise ValueError
    return "value"


async def waits(t):
    return await asyncio.shield(t)


async def main():
    t = asyncio.create_task(work())
    a = asyncio.create_task(waits(t))
    await asyncio.sleep(1)
    a.cancel()
    say(await error_of(a), t.cancelling(), now())
    say(await t, now())
    t = asyncio.create_task(work())
    a = asyncio.create_task(waits(t))
    await asyncio.sleep(1)
    t.cancel()
    say(await error_of(a), a.cancelling(), now())
    say(await error_of(asyncio.shield(work(True))), now())
    say(await error_of(asyncio.wait_for(asyncio.shield(asyncio.create_task(work())), 1)), now())
    await asyncio.sleep(5)


asyncio.run(main())
