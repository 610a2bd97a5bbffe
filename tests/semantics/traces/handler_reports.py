# SPDX-License-Identifier: BSL-1.0
# Rows: T-loop-04 T-exc-01 T-exc-02
import asyncio

from telling import say


async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: say("reported", context["exception"]))

    def fails():
        say("fails")
        raise ValueError

    f = loop.create_future()
    f.add_done_callback(lambda f: fails())
    f.add_done_callback(lambda f: say("called all the same", f.result()))
    loop.call_soon(fails)
    loop.call_soon(say, "behind it")
    loop.call_later(1, fails)
    f.set_result("value")
    say(await f)
    await asyncio.sleep(2)
    loop.call_exception_handler({"message": "by hand", "exception": TimeoutError()})
    say("main")


asyncio.run(main())
