# SPDX-License-Identifier: BSL-1.0
# Rows: T-timer-01 T-timer-03 T-timer-04 T-timer-05
import asyncio

from telling import now, say


async def main():
    loop = asyncio.get_running_loop()
    for delay in (3, 1, 2, 1, -1, -2, 0):
        loop.call_later(delay, lambda delay=delay: say("timer", delay, now()))
    loop.call_soon(say, "soon")
    await asyncio.sleep(0)
    say("main")
    await asyncio.sleep(4)


asyncio.run(main())
