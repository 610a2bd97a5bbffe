# SPDX-License-Identifier: BSL-1.0
# Rows: T-fut-03 T-fut-05
import asyncio

from telling import say


async def main():
    loop = asyncio.get_running_loop()
    f = loop.create_future()
    f.add_done_callback(lambda f: say("one", f.result()))
    f.add_done_callback(lambda f: say("two"))
    loop.call_soon(say, "before")
    f.set_result("x")
    loop.call_soon(say, "after")
    say("none has run")
    f.add_done_callback(lambda f: say("late"))
    await asyncio.sleep(0)
    say("main")


asyncio.run(main())
