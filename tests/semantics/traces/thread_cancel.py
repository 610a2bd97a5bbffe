# SPDX-License-Identifier: BSL-1.0
# Rows: T-thr-05 T-thr-07
import asyncio
import concurrent.futures
import threading

from telling import error_of, say


class HeldJob:
    def __init__(self):
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self):
        self.begun.set()
        self.go.wait()
        say("the thread goes on")
        return 7


async def main():
    loop = asyncio.get_running_loop()
    held = HeldJob()
    waits = asyncio.create_task(asyncio.to_thread(held))
    await asyncio.sleep(0)
    held.begun.wait()
    waits.cancel()
    say("awaiter", await error_of(waits), waits.cancelled())
    held.go.set()
    await loop.shutdown_default_executor()
    say("it has ended")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        other = HeldJob()
        first = loop.run_in_executor(pool, other)
        queued = loop.run_in_executor(pool, say, "never")
        last = loop.run_in_executor(pool, int, "9")
        other.begun.wait()
        say("taken back", queued.cancel(), queued.cancel(), queued.cancelled())
        say("queued", await error_of(queued))
        await asyncio.sleep(0)  # here asyncio takes it back; nakh has done so before
        say("first", first.done())
        other.go.set()
        say("last", await last)
        say("first", await first)


asyncio.run(main())
