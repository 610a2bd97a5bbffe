# SPDX-License-Identifier: BSL-1.0
# Rows: T-agen-04 T-agen-09
import asyncio

from telling import error_of, now, say


async def patient():
    for i in range(5):
        try:
            yield i
        except ValueError:
            say("caught", i)
            await asyncio.sleep(1)
            yield 100 + i


async def breaks():
    yield 1
    await asyncio.sleep(1)
    raise ValueError


async def main():
    g = patient()
    say(await anext(g))
    say(await g.athrow(ValueError()), now())
    say(await anext(g))
    say(await error_of(g.athrow(KeyError())))
    say(await anext(g, "nothing"))

    g = patient()
    say(await error_of(g.athrow(ValueError())), await anext(g, "nothing"))

    g = breaks()
    say(await anext(g))
    say(await error_of(anext(g)), now())
    say(await anext(g, "nothing"))


asyncio.run(main())
