# SPDX-License-Identifier: BSL-1.0
# Rows: T-tg-04 T-tg-08 T-tg-10 T-tg-14 T-tmo-17
import asyncio

from telling import error_of, now, say


async def job(name, seconds, last=None):
    try:
        await asyncio.sleep(seconds)
        say(name, "done", now())
    except asyncio.CancelledError:
        say(name, "cancelled", now())
        if last:
            raise last from None
        raise


async def member_cancelled():
    async with asyncio.TaskGroup() as group:
        a = group.create_task(job("a", 9))
        group.create_task(job("b", 2))
        await asyncio.sleep(1)
        a.cancel()
    say("closed", now())


async def block_fails():
    async with asyncio.TaskGroup() as group:
        group.create_task(job("c", 9))
        await asyncio.sleep(1)
        raise ValueError


async def owner():
    async with asyncio.TaskGroup() as group:
        group.create_task(job("d", 9))
        await asyncio.sleep(9)


async def owner_with_error():
    async with asyncio.TaskGroup() as group:
        group.create_task(job("e", 9, ValueError()))


async def in_time(f):
    async with asyncio.timeout(1):
        await f()


async def main():
    for f in (member_cancelled, block_fails):
        say(await error_of(f()), now())
    for f in (owner, owner_with_error):
        task = asyncio.create_task(f())
        await asyncio.sleep(1)
        task.cancel()
        say(await error_of(task), task.cancelled(), now())
    for f in (owner, owner_with_error):
        say(await error_of(in_time(f)), asyncio.current_task().cancelling(), now())


asyncio.run(main())
