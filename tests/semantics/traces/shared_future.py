# SPDX-License-Identifier: BSL-1.0
# Rows: T-cancel-17 T-cancel-18
import asyncio

from telling import error_of, say


async def waits(f, name):
    say(name, await error_of(f))


async def gets(f, name):
    say(name, await f)


async def main():
    loop = asyncio.get_running_loop()
    f = loop.create_future()
    a = asyncio.create_task(waits(f, "a"))
    b = asyncio.create_task(waits(f, "b"))
    await asyncio.sleep(0)
    a.cancel()
    await b
    say(f.cancelled())
    g = loop.create_future()
    c = asyncio.create_task(gets(g, "c"))
    d = asyncio.create_task(gets(g, "d"))
    await asyncio.sleep(0)
    g.set_result("value")
    say(c.cancel())
    say(await error_of(c))
    await d


asyncio.run(main())
