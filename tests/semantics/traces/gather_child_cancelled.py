# SPDX-License-Identifier: BSL-1.0
# Rows: T-gather-14 T-gather-15 T-gather-08
import asyncio

from telling import error_of, now, say


async def job(name):
    await asyncio.sleep(2)
    say(name, now())


async def main():
    victim = asyncio.create_task(job("victim"))
    other = asyncio.create_task(job("other"))
    g = asyncio.gather(victim, other)
    asyncio.get_running_loop().call_later(1, victim.cancel)
    say(await error_of(g), g.cancelled(), g.cancel(), asyncio.current_task().cancelling(), now())
    await other


asyncio.run(main())
