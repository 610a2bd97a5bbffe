# SPDX-License-Identifier: BSL-1.0
# Rows: T-cancel-17 T-cancel-18
import asyncio

from telling import error_of, say


async def waits(f, name):
    try:
        say(name, "got", await f)
    except asyncio.CancelledError:
        say(name, "cancelled, and the future is", f.result())
        raise


async def main():
    loop = asyncio.get_running_loop()
    for first in ("result", "cancel"):
        f = loop.create_future()
        t = asyncio.create_task(waits(f, first))
        await asyncio.sleep(0)
        if first == "result":
            f.set_result("set")
            say(t.cancel())
            say(await error_of(t), f.cancelled())
        else:
            say(t.cancel(), f.cancelled())
            say(await error_of(asyncio.wait([t])), t.cancelled())


async def guarded():
    try:
        await main()
    except asyncio.CancelledError:
        say("out")


asyncio.run(guarded())
