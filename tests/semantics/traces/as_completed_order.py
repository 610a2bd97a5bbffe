# SPDX-License-Identifier: BSL-1.0
# Rows: T-asc-01 T-asc-02 T-asc-03 T-asc-04
import asyncio

from telling import now, say


async def job(seconds, fails=False):
    await asyncio.sleep(seconds)
    if fails:
        raise ValueError
    return seconds


async def main():
    for next_one in asyncio.as_completed([job(3), job(1), job(2, True)]):
        try:
            say(await next_one, now())
        except ValueError:
            say("ValueError", now())
    slow = asyncio.create_task(job(5))
    for next_one in asyncio.as_completed([asyncio.create_task(job(1)), slow], timeout=2):
        try:
            say(await next_one, now())
        except asyncio.TimeoutError:
            say("time is over", now())
    say(await slow, now())


asyncio.run(main())
