# SPDX-License-Identifier: BSL-1.0
# Rows: T-gather-03 T-gather-04 T-gather-05 T-gather-06 T-gather-11
import asyncio

from telling import error_of, now, say


async def job(name, seconds, fails=False):
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        say(name, "cancelled", now())
        raise
    if fails:
        raise ValueError
    say(name, "done", now())
    return name


async def main():
    inner = asyncio.gather(job("a", 1), job("b", 2))
    shared = asyncio.create_task(job("c", 3))
    (a, b), c, again = await asyncio.gather(inner, shared, shared)
    say(a, b, c, again, now())
    outer = asyncio.gather(asyncio.gather(job("d", 4), job("e", 1, True)), job("f", 2))
    say(await error_of(outer), now())
    await asyncio.sleep(5)
    outer = asyncio.gather(asyncio.gather(job("g", 4), job("h", 5)), job("i", 6))
    await asyncio.sleep(1)
    say(outer.cancel())
    say(await error_of(outer), outer.cancelled(), now())


asyncio.run(main())
