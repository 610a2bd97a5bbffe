# SPDX-License-Identifier: BSL-1.0
# Rows: T-cancel-02 T-cancel-08 T-cancel-14
import asyncio

from telling import error_of, now, say


async def cleans_up():
    try:
        await asyncio.sleep(100)
    finally:
        say("cleanup begins", now())
        try:
            await asyncio.sleep(5)
            say("never")
        finally:
            say("cleanup interrupted", asyncio.current_task().cancelling(), now())


async def main():
    t = asyncio.create_task(cleans_up())
    await asyncio.sleep(1)
    t.cancel()
    await asyncio.sleep(2)
    t.cancel()
    say(await error_of(t), t.cancelling(), now())
    say(t.cancel(), t.cancelled())


asyncio.run(main())
