# SPDX-License-Identifier: BSL-1.0
# Since: 3.14 (names of eager tasks; the rest since 3.12)
# Stored trace: CPython 3.14.10
# Rows: T-eager-01 T-eager-02 T-eager-04 T-eager-05
import asyncio

from telling import error_of, say


async def quick(value):
    say("quick", value, asyncio.current_task().get_name())
    return value


async def slow(label):
    say(label, "begins")
    try:
        await asyncio.sleep(1)
        say(label, "ends")
    except asyncio.CancelledError:
        say(label, "cancelled")
        raise


async def fails():
    raise ValueError("early")


async def nested(depth):
    say("down", depth)
    if depth:
        t = asyncio.create_task(nested(depth - 1))
        say("made", depth, t.done())
        await asyncio.sleep(0)
    say("up", depth)


async def main():
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    loop.call_soon(lambda: say("pass"))
    a = asyncio.create_task(quick(1), name="first")
    say("created", a.done(), asyncio.current_task().get_name() == "first")
    b = asyncio.create_task(slow("b"))
    c = asyncio.create_task(slow("c"))
    say("created", b.done(), len(asyncio.all_tasks()))
    d = asyncio.create_task(fails())
    say("failed", d.done(), await error_of(d))
    both = asyncio.gather(asyncio.create_task(quick(2), name="second"), asyncio.create_task(quick(3), name="third"))
    say("both", both.done(), *await both)
    await asyncio.sleep(0)
    c.cancel()
    say("c", await error_of(c))
    await b
    await nested(3)
    await asyncio.sleep(0)
    say("end")


asyncio.run(main())
