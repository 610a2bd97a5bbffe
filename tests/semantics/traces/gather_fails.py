# SPDX-License-Identifier: BSL-1.0
# Rows: T-gather-05 T-gather-06 T-gather-07
import asyncio

from telling import error_of, now, say


async def job(name, seconds, fails):
    await asyncio.sleep(seconds)
    say(name, now())
    if fails:
        raise ValueError(name)
    return name


async def main():
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: say("reported"))
    say(await error_of(asyncio.gather(job("a", 1, True), job("b", 2, True), job("c", 3, False))), now())
    await asyncio.sleep(5)


asyncio.run(main())
