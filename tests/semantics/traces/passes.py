# SPDX-License-Identifier: BSL-1.0
# Rows: T-loop-01 T-loop-02 T-loop-03
import asyncio

from telling import say


async def main():
    loop = asyncio.get_running_loop()

    def chain(left):
        say("chain", left)
        if left:
            loop.call_soon(chain, left - 1)

    async def steps(name):
        for i in range(3):
            say(name, i)
            await asyncio.sleep(0)

    skipped = loop.call_soon(say, "never")
    loop.call_soon(chain, 2)
    task = asyncio.create_task(steps("task"))
    loop.call_soon(say, "last of the pass")
    loop.call_soon(skipped.cancel)
    skipped.cancel()
    say(skipped.cancelled())
    await task
    say("main")


asyncio.run(main())
