# SPDX-License-Identifier: BSL-1.0
# Since: 3.12
# Stored trace: CPython 3.14.10
# Rows: T-wfor-12 T-wfor-13 T-wfor-14 T-wfor-15
import asyncio
import contextvars

from telling import error_of, now, say

number = contextvars.ContextVar("number", default=0)


async def inner():
    say("inner", asyncio.current_task().get_name())
    number.set(number.get() + 1)
    await asyncio.sleep(1)
    return 5


async def fails_when_cancelled():
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        raise ValueError("instead")


async def waits_for(awaitable):
    return await asyncio.wait_for(awaitable, 60)


async def main():
    asyncio.current_task().set_name("main")
    asyncio.get_running_loop().call_soon(say, "pass")
    say(await asyncio.wait_for(inner(), 5), number.get(), now())
    say(await asyncio.wait_for(asyncio.create_task(inner(), name="its own"), 5), number.get(), now())

    t = asyncio.create_task(waits_for(fails_when_cancelled()))
    await asyncio.sleep(1)
    t.cancel()
    say(await error_of(t), now())

    f = asyncio.get_running_loop().create_future()
    t = asyncio.create_task(waits_for(f))
    await asyncio.sleep(1)
    f.set_result(1)
    t.cancel()
    say(await error_of(t), now())


asyncio.run(main())
