# SPDX-License-Identifier: BSL-1.0
# Rows: T-wfor-01 T-wfor-02 T-wfor-06 T-wfor-07
import asyncio

from telling import error_of, now, say


async def job(cleanup, outcome):
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        await asyncio.sleep(cleanup)
        say("clean", now())
        if outcome == "raises":
            raise
        if outcome == "fails":
            raise ValueError
        return outcome


async def main():
    say(await asyncio.wait_for(asyncio.sleep(1, "in time"), 2), now())
    say(await error_of(asyncio.wait_for(asyncio.create_task(job(3, "raises")), 1)), now())
    say(await error_of(asyncio.wait_for(asyncio.create_task(job(1, "fails")), 1)), now())
    say(await asyncio.wait_for(asyncio.create_task(job(1, "value")), 1), now())
    say(asyncio.current_task().cancelling())


asyncio.run(main())
