# SPDX-License-Identifier: BSL-1.0
# Since: 3.13
# Stored trace: CPython 3.14.10
# Rows: T-tg-09 T-tg-18 T-tg-19
import asyncio

from telling import error_of, say


async def fails():
    await asyncio.sleep(1)
    raise ValueError("member")


async def group(outside):
    say("requests", asyncio.current_task().cancelling())
    try:
        async with asyncio.TaskGroup() as g:
            g.create_task(fails())
            if outside:
                asyncio.get_running_loop().call_later(1, asyncio.current_task().cancel)
            await asyncio.sleep(5)
    except* ValueError as errors:
        say("group", len(errors.exceptions), asyncio.current_task().cancelling())
    await asyncio.sleep(1)
    say("goes on")


async def main():
    say(await error_of(asyncio.create_task(group(False))))
    say(await error_of(asyncio.create_task(group(True))))


asyncio.run(main())
