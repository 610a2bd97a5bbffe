# SPDX-License-Identifier: BSL-1.0
# Rows: T-gather-01 T-gather-02 T-gather-03 T-gather-04
import asyncio

from telling import now, say


async def job(name, seconds):
    await asyncio.sleep(seconds)
    say(name, "ends", now())
    return name


async def main():
    asyncio.get_running_loop().call_later(2, say, "tick", now())
    shared = asyncio.create_task(job("shared", 2))
    say(*await asyncio.gather(job("a", 3), shared, job("b", 1), shared))
    say(len(await asyncio.gather()), now())
    done = asyncio.get_running_loop().create_future()
    done.set_result("done")
    say(*await asyncio.gather(done, job("c", 1)))


asyncio.run(main())
