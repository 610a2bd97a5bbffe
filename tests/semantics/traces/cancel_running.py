# SPDX-License-Identifier: BSL-1.0
# Rows: T-cancel-01 T-cancel-10 T-cancel-12
import asyncio

from telling import error_of, say


async def job(name):
    say(name, "began")
    try:
        await asyncio.sleep(0)
        say(name, "went on")
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        say(name, "cancelled")
        raise
    return name


async def finished():
    return "finished"


async def keeps_going():
    asyncio.current_task().cancel()
    say("cancelled itself, and goes on with", await done)
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        say("here it comes")
        raise


async def main():
    global done
    unstarted = asyncio.create_task(job("unstarted"))
    unstarted.cancel()
    say(await error_of(unstarted))
    yielding = asyncio.create_task(job("yielding"))
    await asyncio.sleep(0)
    yielding.cancel()
    say(await error_of(yielding))
    done = asyncio.create_task(finished())
    await done
    say(await error_of(asyncio.create_task(keeps_going())))


asyncio.run(main())
