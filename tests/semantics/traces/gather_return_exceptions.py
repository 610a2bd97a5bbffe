# SPDX-License-Identifier: BSL-1.0
# Rows: T-gather-09 T-gather-10
import asyncio

from telling import now, say


async def job(seconds, error):
    await asyncio.sleep(seconds)
    if error:
        raise error
    return seconds


async def main():
    victim = asyncio.create_task(job(9, None))
    asyncio.get_running_loop().call_later(2, victim.cancel)
    results = await asyncio.gather(job(3, None), job(1, ValueError("x")), victim, return_exceptions=True)
    say(*results, now())


asyncio.run(main())
