# SPDX-License-Identifier: BSL-1.0
# Rows: T-task-02 T-task-03
import asyncio

from telling import error_of, now, say


async def fails():
    await asyncio.sleep(1)
    raise ValueError


async def middle(t):
    try:
        await t
    finally:
        say("through the middle", now())


async def main():
    t = asyncio.create_task(fails())
    a = asyncio.create_task(middle(t))
    b = asyncio.create_task(middle(a))
    say(await error_of(b))
    say(await error_of(t), await error_of(a), await error_of(b), now())
    say(t.done(), t.cancelled(), t.exception() is a.exception() is b.exception())


asyncio.run(main())
