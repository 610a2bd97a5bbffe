# SPDX-License-Identifier: BSL-1.0
# Rows: T-thr-10 T-gather-01
import asyncio
import threading

from telling import say


async def main():
    count = 4
    all_at_once = threading.Barrier(count)
    turns = [threading.Event() for _ in range(count + 1)]
    calls = []

    def job(i):
        all_at_once.wait()
        turns[i + 1].wait()  # the last one ends first
        calls.append(i)
        turns[i].set()
        return i * i

    turns[count].set()
    results = await asyncio.gather(*(asyncio.to_thread(job, i) for i in range(count)))
    say("results", *results)
    say("calls", *calls)


asyncio.run(main())
