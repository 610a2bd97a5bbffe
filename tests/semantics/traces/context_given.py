# SPDX-License-Identifier: BSL-1.0
# Rows: T-ctx-04 T-ctx-05 T-ctx-06
import asyncio
import contextvars

from telling import say

number = contextvars.ContextVar("number", default=0)


async def add(n):
    for _ in range(2):
        await asyncio.sleep(n)
        number.set(number.get() + n)
        say(n, number.get())


async def main():
    own = contextvars.copy_context()
    await asyncio.gather(
        asyncio.create_task(add(1), context=own),
        asyncio.create_task(add(3), context=own),
        add(2),
    )
    say("given", own[number], "main", number.get())
    async with asyncio.TaskGroup() as group:
        group.create_task(add(4), context=own)
        group.create_task(add(5))
    say("given", own[number], "main", number.get())


async def one_of_several():
    number.set(number.get() + 100)
    say("run", number.get())


asyncio.run(main())
with asyncio.Runner() as runner:
    runner.run(one_of_several())
    runner.run(one_of_several())
say("outside", number.get())
