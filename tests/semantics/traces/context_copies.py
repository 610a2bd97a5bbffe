# SPDX-License-Identifier: BSL-1.0
# Rows: T-ctx-01 T-ctx-02 T-ctx-03
import asyncio
import contextvars

from telling import say

name = contextvars.ContextVar("name", default="none")


def tell(where):
    say(where, name.get())
    name.set(where)


async def child(label):
    say(label, name.get())
    name.set(label)
    await asyncio.sleep(1)
    say(label, name.get())


async def called():
    name.set("called")


async def main():
    loop = asyncio.get_running_loop()
    name.set("main")
    t = asyncio.create_task(child("child"))
    loop.call_soon(tell, "soon")
    loop.call_later(2, tell, "later")
    f = loop.create_future()
    name.set("before callback")
    f.add_done_callback(lambda _: tell("done"))
    name.set("main again")
    f.set_result(None)
    await t
    await asyncio.sleep(2)
    say("main", name.get())
    await called()
    say("main", name.get())
    await asyncio.create_task(called())
    say("main", name.get())
    token = name.set("for a while")
    say(token.old_value, name.get())
    name.reset(token)
    say("main", name.get())


asyncio.run(main())
say("outside", name.get())
