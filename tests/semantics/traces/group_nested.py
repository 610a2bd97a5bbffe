# SPDX-License-Identifier: BSL-1.0
# Rows: T-tg-15 T-tg-16 T-tg-17
import asyncio

from telling import error_of, now, say


async def job(name, seconds, fails=False):
    try:
        await asyncio.sleep(seconds)
        if fails:
            raise ValueError
        say(name, "done", now())
    except asyncio.CancelledError:
        say(name, "cancelled", now())
        raise


async def handled():
    async with asyncio.TaskGroup() as outer:
        outer.create_task(job("a", 3))
        try:
            async with asyncio.TaskGroup() as inner:
                inner.create_task(job("b", 5))
                inner.create_task(job("c", 1, True))
        except ExceptionGroup as error:
            say("inner", len(error.exceptions), now())


async def unhandled():
    async with asyncio.TaskGroup() as outer:
        outer.create_task(job("d", 3))
        async with asyncio.TaskGroup() as inner:
            inner.create_task(job("e", 5))
            inner.create_task(job("f", 1, True))


async def from_outside():
    async with asyncio.TaskGroup() as outer:
        outer.create_task(job("g", 1, True))
        async with asyncio.TaskGroup() as inner:
            inner.create_task(job("h", 5))


async def main():
    for f in (handled, unhandled, from_outside):
        say(await error_of(f()), now())


asyncio.run(main())
