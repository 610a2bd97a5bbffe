# SPDX-License-Identifier: BSL-1.0
# Since: 3.13
# Stored trace: CPython 3.14.10
# Rows: T-asc-06 T-asc-07
import asyncio

from telling import error_name, now, say


async def job(name, seconds):
    await asyncio.sleep(seconds)
    if name == "b":
        raise ValueError(name)
    return name


async def main():
    tasks = [asyncio.create_task(job(name, seconds), name=name) for name, seconds in (("c", 3), ("a", 1), ("b", 2))]
    async for t in asyncio.as_completed(tasks):
        say(t.get_name(), t in tasks, type(t.exception()).__name__, now())

    tasks = [asyncio.create_task(job(name, seconds), name=name) for name, seconds in (("slow", 9), ("quick", 1))]
    try:
        async for t in asyncio.as_completed(tasks, timeout=2):
            say(t.get_name(), now())
    except TimeoutError as error:
        say(error_name(error), now(), tasks[0].done())
    await asyncio.wait(tasks)


asyncio.run(main())
