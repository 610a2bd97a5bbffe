# SPDX-License-Identifier: BSL-1.0
# Rows: T-dbg-01 T-dbg-10
import asyncio

from telling import say


async def fails():
    raise ValueError


async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(
        lambda loop, context: say(context["message"], context["exception"], "source_traceback" in context))
    for debug in (False, True, False):
        loop.set_debug(debug)
        f = loop.create_future()
        f.set_exception(ValueError())
        del f
        say("dropped")
    loop.set_debug(True)
    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    del task
    await asyncio.sleep(0)
    say("end")


asyncio.run(main())
