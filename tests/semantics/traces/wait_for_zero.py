# SPDX-License-Identifier: BSL-1.0
# Rows: T-wfor-04 T-wfor-05
import asyncio

from telling import error_of, now, say


async def never():
    say("never")


async def slow():
    try:
        await asyncio.sleep(10)
    finally:
        say("stopped", now())


async def main():
    done = asyncio.get_running_loop().create_future()
    done.set_result("there already")
    say(await asyncio.wait_for(done, 0))
    say(await error_of(asyncio.wait_for(never(), 0)))
    running = asyncio.create_task(slow())
    await asyncio.sleep(1)
    say(await error_of(asyncio.wait_for(running, -1)), running.cancelled(), now())


asyncio.run(main())
