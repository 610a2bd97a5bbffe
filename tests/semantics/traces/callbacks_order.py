# SPDX-License-Identifier: BSL-1.0
# Rows: T-loop-01 T-loop-02 T-loop-03
import asyncio

from telling import say


async def main():
    loop = asyncio.get_running_loop()
    handle = loop.call_soon(say, "never")

    def first():
        say("first")
        loop.call_soon(say, "queued by first")

    loop.call_soon(first)
    asyncio.create_task(speak())
    loop.call_soon(say, "last")
    handle.cancel()
    say("cancelled", handle.cancelled())
    await asyncio.sleep(0)
    say("main again")
    await asyncio.sleep(0)


async def speak():
    say("a task between")


asyncio.run(main())
