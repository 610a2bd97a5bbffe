# SPDX-License-Identifier: BSL-1.0
# Since: 3.13
# Stored trace: CPython 3.14.10
# Rows: T-cancel-13 T-cancel-15 T-cancel-16
import asyncio

from telling import error_of, say


async def withdraws():
    task = asyncio.current_task()
    task.cancel()
    say("requests", task.cancelling())
    say("left", task.uncancel())
    await asyncio.sleep(1)
    say("slept on")


async def withdraws_one_of_two():
    task = asyncio.current_task()
    task.cancel()
    task.cancel()
    say("left", task.uncancel())
    await asyncio.sleep(1)
    say("not reached")


async def withdraws_after():
    task = asyncio.current_task()
    task.cancel()
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        say("delivered", task.cancelling(), task.uncancel())
    await asyncio.sleep(1)
    say("goes on")


async def main():
    for f in (withdraws, withdraws_one_of_two, withdraws_after):
        say(await error_of(asyncio.create_task(f())))


asyncio.run(main())
