# SPDX-License-Identifier: BSL-1.0
# Rows: T-task-04 T-insp-02 T-insp-03
import asyncio

from telling import say


async def whoami():
    before = asyncio.current_task().get_name()
    await asyncio.sleep(0)
    say(before, asyncio.current_task().get_name())


async def main():
    asyncio.current_task().set_name("main")
    a = asyncio.create_task(whoami(), name="a")
    b = asyncio.create_task(whoami(), name="b")
    await whoami()
    await a
    await b
    b.set_name("renamed")
    say(b.get_name())
    asyncio.get_running_loop().call_soon(lambda: say("in a callback", asyncio.current_task() is not None))
    await asyncio.sleep(0)


asyncio.run(main())
