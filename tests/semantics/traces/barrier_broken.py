# SPDX-License-Identifier: BSL-1.0
# Rows: T-bar-04 T-bar-05 T-bar-06 T-bar-07
import asyncio

from telling import error_of, now, say


async def main():
    barrier = asyncio.Barrier(3)

    async def party(name):
        try:
            await barrier.wait()
            say(name, "through", now())
        except asyncio.BrokenBarrierError:
            say(name, "broken", barrier.broken, now())
        except asyncio.CancelledError:
            say(name, "cancelled", barrier.broken, now())
            raise

    a, b = (asyncio.create_task(party(name)) for name in "ab")
    await asyncio.sleep(1)
    a.cancel()
    await asyncio.sleep(1)
    say(barrier.n_waiting, barrier.broken)
    await barrier.reset()
    await b
    say(barrier.n_waiting, barrier.broken)
    c, d = (asyncio.create_task(party(name)) for name in "cd")
    await asyncio.sleep(1)
    await barrier.abort()
    await asyncio.gather(c, d)
    say(await error_of(barrier.wait()), barrier.broken)
    await barrier.reset()
    say(barrier.broken)
    e, f = (asyncio.create_task(party(name)) for name in "ef")
    await asyncio.sleep(1)
    say(await error_of(barrier.wait()))
    await asyncio.gather(e, f)


asyncio.run(main())
