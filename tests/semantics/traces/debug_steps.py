# SPDX-License-Identifier: BSL-1.0
# Rows: T-dbg-05 T-dbg-06
import asyncio
import logging
import re

from telling import say


class Tell(logging.Handler):
    def emit(self, record):
        name = re.match(r"Executing <Task .*name='(\w+)'", record.getMessage())
        if name and name[1] in ("worker", "waiter"):
            say("slow step of", name[1])


logging.getLogger("asyncio").addHandler(Tell())


async def worker(gate):
    say("worker begins")
    await asyncio.sleep(0)
    say("worker goes on")
    await asyncio.sleep(3600)
    gate.set_result(None)
    say("worker ends")


async def waiter(gate):
    say("waiter begins")
    await gate
    await gate
    say("waiter ends")


async def main():
    loop = asyncio.get_running_loop()
    say(round(loop.slow_callback_duration * 1000))
    loop.slow_callback_duration = 0
    for debug in (False, True):
        loop.set_debug(debug)
        await asyncio.sleep(0)
        gate = loop.create_future()
        tasks = [asyncio.create_task(worker(gate), name="worker"), asyncio.create_task(waiter(gate), name="waiter")]
        await asyncio.wait(tasks)


asyncio.run(main())
