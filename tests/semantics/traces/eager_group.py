# SPDX-License-Identifier: BSL-1.0
# Since: 3.14
# Stored trace: CPython 3.14.10
# Rows: T-tg-22 T-tg-29 T-eager-06
import asyncio

from telling import error_of, say


async def fails(label):
    say(label, "fails")
    raise ValueError(label)


async def block_goes_on():
    async with asyncio.TaskGroup() as group:
        group.create_task(fails("a"), eager_start=True)
        say("block goes on")
        group.create_task(fails("b"), eager_start=True)
        try:
            await asyncio.sleep(0)
            say("not reached")
        except asyncio.CancelledError:
            say("block interrupted")
            raise


async def member_makes_member():
    async with asyncio.TaskGroup() as group:

        async def maker():
            group.create_task(fails("inner"), eager_start=True)
            say("maker goes on")
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                say("maker interrupted")
                raise

        group.create_task(maker(), eager_start=True)
        say("block ends")


async def main():
    say(await error_of(block_goes_on()))
    say(asyncio.current_task().cancelling())
    say(await error_of(member_makes_member()))
    say(asyncio.current_task().cancelling())
    lazy = asyncio.create_task(fails("lazy"), eager_start=False)
    say("created", lazy.done())
    say(await error_of(lazy))


asyncio.run(main())
