# SPDX-License-Identifier: BSL-1.0
# Rows: T-thr-01 T-thr-02 T-thr-03
import asyncio
import threading

from telling import error_of, now, say


def compute(here, a, b):
    return (a + b) if threading.get_ident() != here else 0


def fail():
    raise ValueError


def cancelled():
    raise asyncio.CancelledError


async def main():
    loop = asyncio.get_running_loop()
    here = threading.get_ident()
    say("value", await asyncio.to_thread(compute, here, 40, 2))
    say("error", await error_of(asyncio.to_thread(fail)))
    say("cancelled inside", await error_of(asyncio.to_thread(cancelled)))
    future = loop.run_in_executor(None, compute, here, 1, 1)
    say("at once", future.done())
    say("later", await future, future.done())
    failed = loop.run_in_executor(None, fail)
    say("failed", await error_of(failed), failed.cancelled(), failed.exception())
    sleeper = asyncio.create_task(asyncio.sleep(1))
    await asyncio.to_thread(compute, here, 1, 2)
    say("time stands still", sleeper.done(), now())
    await sleeper
    say("and goes on", now())


asyncio.run(main())
