# SPDX-License-Identifier: BSL-1.0
# Rows: T-run-05 T-run-06
import asyncio

from telling import error_of, now, say


async def background():
    for i in range(4):
        await asyncio.sleep(1)
        say("background", i, now())


async def starts():
    asyncio.create_task(background())
    await asyncio.sleep(1.5)
    return "first"


async def fails():
    raise ValueError


async def waits():
    await asyncio.sleep(1)
    return "third"


with asyncio.Runner() as runner:
    say(runner.run(starts()))
    try:
        runner.run(fails())
    except ValueError as error:
        say(error)
    say(runner.run(waits()))
