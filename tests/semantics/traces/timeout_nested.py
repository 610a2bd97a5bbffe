# SPDX-License-Identifier: BSL-1.0
# Rows: T-tmo-01 T-tmo-06 T-tmo-07 T-tmo-08
import asyncio

from telling import now, say


async def nested(outer, inner):
    try:
        async with asyncio.timeout(outer) as o:
            try:
                async with asyncio.timeout(inner) as i:
                    await asyncio.sleep(10)
            except BaseException as error:
                say("inner", error, i.expired(), asyncio.current_task().cancelling())
                raise
    except BaseException as error:
        say("outer", error, o.expired(), asyncio.current_task().cancelling(), now())


async def main():
    await nested(3, 1)
    await nested(1, 3)
    await nested(1, 1)


asyncio.run(main())
