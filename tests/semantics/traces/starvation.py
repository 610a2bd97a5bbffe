# SPDX-License-Identifier: BSL-1.0
# Rows: T-loop-11 T-sleep-01 T-sleep-03
import asyncio

from telling import now, say


async def main():
    loop = asyncio.get_running_loop()
    turns = 0

    async def spins():
        nonlocal turns
        while turns < 6:
            turns += 1
            await asyncio.sleep(-1 if turns % 2 else 0)
        say("spun")

    f = loop.create_future()
    loop.call_soon(lambda: loop.call_soon(lambda: loop.call_soon(f.set_result, "three passes")))
    t = asyncio.create_task(spins())
    say(await f, turns)
    await t
    say(turns, now())


asyncio.run(main())
