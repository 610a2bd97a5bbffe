# SPDX-License-Identifier: BSL-1.0
# Rows: T-agen-02 T-agen-07
# Who runs between the items: asking for one is no checkpoint of its own, and the body is the task that asks.
import asyncio

from telling import error_of, now, say


async def names(n):
    for i in range(n):
        if i % 2 == 1:
            await asyncio.sleep(0)
        yield asyncio.current_task().get_name()


async def main():
    async def other():
        for i in range(3):
            say("other", i)
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for name in names(6):
        say(name == asyncio.current_task().get_name())
    await task

    g = names(9)

    async def read():
        say(asyncio.current_task().get_name(), await anext(g))

    await asyncio.create_task(read(), name="a")
    await asyncio.create_task(read(), name="b")

    # Two at the same time.
    async def slow():
        await asyncio.sleep(1)
        yield 1

    g = slow()
    task = asyncio.create_task(first(g))
    await asyncio.sleep(0)
    say(await error_of(anext(g)), await error_of(g.aclose()))
    say(await task, now())


async def first(g):
    return await anext(g)


asyncio.run(main())
