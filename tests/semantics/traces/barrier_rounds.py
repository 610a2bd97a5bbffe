# SPDX-License-Identifier: BSL-1.0
# Rows: T-bar-01 T-bar-02 T-bar-03
import asyncio

from telling import now, say


async def main():
    barrier = asyncio.Barrier(3)

    async def party(name, pause):
        for _ in range(2):
            await asyncio.sleep(pause)
            index = await barrier.wait()
            say(name, index, barrier.n_waiting, now())

    await asyncio.gather(party("a", 1), party("b", 2), party("c", 3))
    say(barrier.parties, barrier.n_waiting, barrier.broken)
    alone = asyncio.Barrier(1)
    say(await alone.wait())
    try:
        asyncio.Barrier(0)
    except ValueError as error:
        say(error)


asyncio.run(main())
