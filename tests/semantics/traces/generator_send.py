# SPDX-License-Identifier: BSL-1.0
# Rows: T-agen-03
import asyncio

from telling import error_of, now, say


async def averages():
    total = 0
    count = 0
    average = 0
    while True:
        value = yield average
        if value is None:
            say("no value")
            continue
        await asyncio.sleep(1)
        total += value
        count += 1
        average = total // count


async def main():
    g = averages()
    say("TypeError" == await error_of(g.asend(1)))
    say(await anext(g))
    for value in (10, 20, 60):
        say(await g.asend(value), now())
    say(await anext(g))
    await g.aclose()
    try:
        say(await g.asend(1))
    except StopAsyncIteration:
        say("over", now())


asyncio.run(main())
