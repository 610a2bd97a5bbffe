# SPDX-License-Identifier: BSL-1.0
# Rows: T-wfor-01 T-wfor-03 T-wfor-11
import asyncio

from telling import error_of, now, say


async def job(seconds, fails=False):
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        say("cancelled", now())
        raise
    if fails:
        raise ValueError
    return seconds


async def main():
    t = asyncio.create_task(job(5))
    a = asyncio.create_task(asyncio.wait_for(t, 10))
    await asyncio.sleep(1)
    t.cancel()
    say(await error_of(a), a.cancelled(), now())
    say(await error_of(asyncio.wait_for(job(1, True), 2)), now())
    f = asyncio.get_running_loop().create_future()
    say(await error_of(asyncio.wait_for(f, 1)), f.cancelled(), now())
    say(await asyncio.wait_for(job(1), None), now())
    t = asyncio.create_task(job(2))
    both = [asyncio.create_task(asyncio.wait_for(asyncio.shield(t), 1)), asyncio.create_task(asyncio.wait_for(t, 3))]
    say(await error_of(both[0]), await both[1], now())


asyncio.run(main())
