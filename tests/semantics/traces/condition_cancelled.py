# SPDX-License-Identifier: BSL-1.0
# Since: 3.13
# Stored trace: CPython 3.14.10
# Rows: T-cond-07 T-cond-08 T-cond-09
import asyncio

from telling import say


async def waiter(condition, name):
    async with condition:
        try:
            await condition.wait()
            say(name, "notified", condition.locked())
        except asyncio.CancelledError:
            say(name, "cancelled", condition.locked())
            raise


async def main():
    condition = asyncio.Condition()
    tasks = [asyncio.create_task(waiter(condition, name)) for name in "abc"]
    await asyncio.sleep(0)
    async with condition:
        condition.notify(1)
    tasks[0].cancel()
    await asyncio.sleep(0.001)
    say(*(t.done() for t in tasks))
    async with condition:
        condition.notify(1)
        tasks[2].cancel()
        await asyncio.sleep(1)
        say("still held", *(t.done() for t in tasks))
    await asyncio.wait(tasks)
    say(*(t.cancelled() for t in tasks), condition.locked())


asyncio.run(main())
