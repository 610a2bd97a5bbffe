# SPDX-License-Identifier: BSL-1.0
# Rows: T-cancel-10 T-cancel-11 T-cancel-20
import asyncio

from telling import error_of, now, say


async def later():
    asyncio.current_task().cancel()
    say("still running")
    await asyncio.sleep(0)
    say("never")


async def at_end():
    asyncio.current_task().cancel()
    return "lost"


async def passes_on(t):
    asyncio.current_task().cancel()
    await t


async def main():
    say(await error_of(asyncio.create_task(later())))
    t = asyncio.create_task(at_end())
    say(await error_of(t), t.cancelled())
    victim = asyncio.create_task(asyncio.sleep(10))
    await asyncio.sleep(0)
    say(await error_of(asyncio.create_task(passes_on(victim))), victim.cancelled(), now())


asyncio.run(main())
