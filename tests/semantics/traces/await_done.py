# SPDX-License-Identifier: BSL-1.0
# Rows: T-fut-07 T-task-02 T-task-05 T-cancel-12
import asyncio

from telling import say


async def value():
    return 5


async def main():
    loop = asyncio.get_running_loop()
    f = loop.create_future()
    f.set_result(1)
    loop.call_soon(say, "a pass was given up")
    say(await f, await f, await value())
    t = asyncio.create_task(value())
    say(await t, await t)


asyncio.run(main())
