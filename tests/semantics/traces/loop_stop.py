# SPDX-License-Identifier: BSL-1.0
# Rows: T-loop-05 T-loop-06 T-loop-07 T-loop-08
import asyncio

from telling import say


loop = asyncio.new_event_loop()


def stops():
    say("stops")
    loop.stop()
    loop.call_soon(say, "in the next run")


loop.call_soon(stops)
loop.call_soon(say, "same pass")
loop.run_forever()
say("stopped")
loop.stop()
loop.run_forever()
say("one pass")


async def long():
    await asyncio.sleep(2)
    return "value"


task = loop.create_task(long())
loop.call_later(1, loop.stop)
try:
    loop.run_until_complete(task)
except RuntimeError as error:
    say(error, task.done())
say(loop.run_until_complete(task))
loop.call_soon(say, "never")
loop.close()
loop.close()
try:
    loop.call_soon(say, "never")
except RuntimeError as error:
    say(error, loop.is_closed())
