# SPDX-License-Identifier: BSL-1.0
# Rows: T-thr-04 T-thr-06 T-thr-09
import asyncio
import threading

from telling import say


async def fails():
    raise ValueError


async def cleans_up(begun, go, clean):
    begun.set()
    try:
        await asyncio.sleep(100)
    except asyncio.CancelledError:
        await go
        say("is clean")
        clean.set_result(None)
        raise


async def cancels_itself():
    asyncio.current_task().cancel()
    await asyncio.sleep(0)


def error_of(future):
    try:
        future.result()
    except BaseException as error:
        return type(error).__name__
    return "None"


def ask(coroutine, loop):
    return asyncio.run_coroutine_threadsafe(coroutine, loop)


def other_thread(loop, go, clean):
    for i in range(3):
        loop.call_soon_threadsafe(say, "call", i)
    say("value", ask(asyncio.sleep(0, 5), loop).result())
    say("error", error_of(ask(fails(), loop)))
    say("cancelled in the loop", error_of(ask(cancels_itself(), loop)))
    begun = threading.Event()
    future = ask(cleans_up(begun, go, clean), loop)
    begun.wait()
    say("cancel", future.cancel())
    say("cancelled", error_of(future))
    loop.call_soon_threadsafe(go.set_result, None)


async def main():
    loop = asyncio.get_running_loop()
    go, clean = loop.create_future(), loop.create_future()
    await asyncio.to_thread(other_thread, loop, go, clean)
    await clean
    loop.call_soon(say, "one")
    loop.call_soon_threadsafe(say, "two")
    loop.call_soon(say, "three")
    await asyncio.sleep(0)


asyncio.run(main())
