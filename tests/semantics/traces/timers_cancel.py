# SPDX-License-Identifier: BSL-1.0
# Rows: T-timer-02 T-timer-06 T-sleep-04
import asyncio

from telling import error_of, now, say


async def main():
    loop = asyncio.get_running_loop()
    later = loop.call_later(2, say, "never")
    loop.call_later(1, later.cancel)
    say("when", int(later.when()))
    sleeper = asyncio.create_task(asyncio.sleep(100))
    await asyncio.sleep(3)
    sleeper.cancel()
    say(await error_of(sleeper), now())


asyncio.run(main())
