# SPDX-License-Identifier: BSL-1.0
# Rows: T-event-01 T-event-02 T-event-03
import asyncio

from telling import error_of, now, say


async def main():
    event = asyncio.Event()

    async def waiter(name):
        try:
            say(name, await event.wait(), now())
        except asyncio.CancelledError:
            say(name, "cancelled", now())
            raise

    first = [asyncio.create_task(waiter(name)) for name in "abc"]
    await asyncio.sleep(1)
    first[1].cancel()
    event.set()
    event.clear()
    late = asyncio.create_task(waiter("late"))
    await asyncio.sleep(1)
    say(event.is_set(), late.done())
    event.set()
    say(await event.wait())
    await late
    event.clear()
    say(await error_of(asyncio.wait_for(event.wait(), 1)), event.is_set(), now())


asyncio.run(main())
