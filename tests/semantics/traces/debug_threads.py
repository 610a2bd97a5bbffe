# SPDX-License-Identifier: BSL-1.0
# Rows: T-dbg-07 T-dbg-08
import asyncio
import threading

from telling import say


def elsewhere(what, call):
    def attempt():
        try:
            call()
            say(what, "fine")
        except RuntimeError:
            say(what, "RuntimeError")

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()


async def main():
    loop = asyncio.get_running_loop()
    for debug in (True, False):
        loop.set_debug(debug)
        say("debug", loop.get_debug())
        loop.call_soon(say, "own is called")
        elsewhere("soon", lambda: loop.call_soon(say, "soon is called"))
        elsewhere("later", lambda: loop.call_later(1, say, "later is called"))
        elsewhere("at", lambda: loop.call_at(1, say, "at is called"))
        elsewhere("threadsafe", lambda: loop.call_soon_threadsafe(say, "threadsafe is called"))
        await asyncio.sleep(2)


asyncio.run(main())
