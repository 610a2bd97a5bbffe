# SPDX-License-Identifier: BSL-1.0
# Rows: T-fut-01 T-fut-02 T-fut-06
import asyncio

from telling import say


def name_of(function):
    try:
        function()
    except BaseException as error:
        return type(error).__name__
    return "None"


async def main():
    loop = asyncio.get_running_loop()
    f = loop.create_future()
    say(name_of(f.result), name_of(f.exception), f.done())
    f.set_result(7)
    say(f.result(), name_of(lambda: f.set_result(8)), f.cancel(), f.result())
    g = loop.create_future()
    say(g.cancel(), g.cancelled(), g.cancel(), name_of(g.result), name_of(lambda: g.set_result(1)))
    h = loop.create_future()
    h.set_exception(ValueError("x"))
    say(name_of(h.result), h.cancelled(), h.done())


asyncio.run(main())
