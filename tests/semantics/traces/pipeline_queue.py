# SPDX-License-Identifier: BSL-1.0
# Rows: T-pipe-02 T-pipe-03
import asyncio

from telling import error_name, now, say


async def main():
    line = asyncio.Queue(2)

    async def producer():
        try:
            i = 0
            while True:
                await line.put(i)
                say("put", i, now())
                i += 1
        except asyncio.CancelledError:
            say("producer stops", now())
            raise

    async def consumer():
        while True:
            i = await line.get()
            await asyncio.sleep(1)
            say("used", i, now())
            if i == 2:
                raise ValueError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(producer())
            group.create_task(consumer())
    except* ValueError as errors:
        say(error_name(errors), now())
    say(line.qsize(), line.get_nowait(), line.get_nowait())


asyncio.run(main())
