# SPDX-License-Identifier: BSL-1.0
# Rows: T-cancel-01 T-cancel-02 T-cancel-03
import asyncio

from telling import error_of, say


async def never():
    try:
        say("never")
    finally:
        say("nor this")


async def main():
    t = asyncio.create_task(never())
    say(t.cancel(), t.cancelling(), t.cancelled())
    say(await error_of(t), t.cancelled(), t.cancel(), t.cancelling())


asyncio.run(main())
