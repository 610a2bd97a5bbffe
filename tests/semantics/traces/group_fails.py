# SPDX-License-Identifier: BSL-1.0
# Rows: T-tg-01 T-tg-02 T-tg-05 T-tg-07
import asyncio

from telling import error_of, now, say


async def job(name, seconds, fails=False):
    try:
        await asyncio.sleep(seconds)
        say(name, "done", now())
        if fails:
            raise ValueError
    except asyncio.CancelledError:
        say(name, "cancelled", now())
        raise
    return name


async def slow_cleanup():
    try:
        await asyncio.sleep(100)
    finally:
        await asyncio.sleep(2)
        say("cleaned up", now())


async def main():
    async with asyncio.TaskGroup() as group:
        a = group.create_task(job("a", 2))
        b = group.create_task(job("b", 1))
        say("block", now())
    say(a.result(), b.result(), now())

    async def failing():
        async with asyncio.TaskGroup() as group:
            group.create_task(job("c", 3))
            group.create_task(slow_cleanup())
            group.create_task(job("d", 1, True))
            group.create_task(job("e", 1))
            await asyncio.sleep(100)

    say(await error_of(failing()), asyncio.current_task().cancelling(), now())

    async def both():
        async with asyncio.TaskGroup() as group:
            group.create_task(job("f", 1, True))
            group.create_task(job("g", 1, True))

    say(await error_of(both()), now())


asyncio.run(main())
