# SPDX-License-Identifier: BSL-1.0
# Rows: T-shield-05 T-shield-07
import asyncio

from telling import error_of, now, say


async def job(name, seconds):
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        say(name, "cancelled", now())
        raise
    say(name, "done", now())
    return name


async def main():
    guarded = asyncio.gather(job("a", 2), job("b", 3))
    shield = asyncio.shield(guarded)
    await asyncio.sleep(1)
    say(shield.cancel(), shield.cancelled(), guarded.cancelled())
    say(" ".join(await guarded), now())
    say(await asyncio.shield(guarded) == await guarded)
    tasks = [asyncio.create_task(job("c", 2)), asyncio.create_task(job("d", 3))]
    shields = asyncio.gather(*map(asyncio.shield, tasks))
    await asyncio.sleep(1)
    say(shields.cancel())
    say(await error_of(shields), now())
    say(await tasks[0], await tasks[1], now())


asyncio.run(main())
