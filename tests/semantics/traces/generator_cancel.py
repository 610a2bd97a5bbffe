# SPDX-License-Identifier: BSL-1.0
# Rows: T-agen-08
import asyncio

from telling import error_of, now, say


async def ticks():
    try:
        i = 0
        while True:
            await asyncio.sleep(1)
            yield i
            i += 1
    except asyncio.CancelledError:
        say("inside", now())
        await asyncio.sleep(2)
        say("clean", now())
        raise
    except GeneratorExit:
        say("exit", now())
        raise


async def reader(g, pause):
    async for i in g:
        say("item", i, now())
        await asyncio.sleep(pause)


async def main():
    g = ticks()
    task = asyncio.create_task(reader(g, 0))
    await asyncio.sleep(2.5)
    task.cancel()
    say(await error_of(task), now())
    say(await anext(g, "nothing"))

    g = ticks()
    task = asyncio.create_task(reader(g, 100))
    await asyncio.sleep(2.5)
    task.cancel()
    say(await error_of(task), now())
    say(await anext(g), now())
    await g.aclose()
    say(await anext(g, "nothing"))

    # Cancelled while it closes.
    g = ticks()
    say(await anext(g))
    task = asyncio.create_task(reader(g, 0))
    await asyncio.sleep(0.5)
    say(await error_of(g.aclose()))
    task.cancel()
    await asyncio.sleep(1)
    task.cancel()
    say(await error_of(task), now())


asyncio.run(main())
