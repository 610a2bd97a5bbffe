# SPDX-License-Identifier: BSL-1.0
# Rows: T-run-04 T-run-10 T-thr-07 T-thr-08
import asyncio
import threading

from telling import error_of, say


async def main(go):
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(say, "a thread")

    def held():
        go.wait()
        done = threading.Event()
        loop.call_soon_threadsafe(done.set)  # the loop still runs
        done.wait()
        say("the thread ends")

    async def leftover():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            await asyncio.to_thread(say, "a thread for the cleanup")
            say("left-over task ends")
            go.set()
            raise

    loop.run_in_executor(None, held)
    task = asyncio.create_task(leftover())
    await asyncio.sleep(0)
    say("main ends", task.done())
    return 5


async def shut():
    loop = asyncio.get_running_loop()
    say("shut down", await error_of(loop.shutdown_default_executor()))
    say("after it", await error_of(asyncio.to_thread(say, "never")))


say("run gives", asyncio.run(main(threading.Event())))
asyncio.run(shut())
