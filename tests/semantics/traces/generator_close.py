# SPDX-License-Identifier: BSL-1.0
# Rows: T-agen-01 T-agen-02 T-agen-05
import asyncio

from telling import error_of, now, say


async def numbers():
    try:
        for i in range(10):
            yield i
    except GeneratorExit:
        say("exit", now())
        await asyncio.sleep(2)
        say("clean", now())
        raise


async def stubborn():
    try:
        yield 1
    except GeneratorExit:
        yield 2
    say("goes on")
    yield 3


async def swallows():
    try:
        yield 1
    except GeneratorExit:
        say("swallowed")


async def main():
    g = numbers()
    async for i in g:
        if i == 2:
            break
    say("left", await anext(g))
    say(await error_of(g.aclose()), now())
    say(await error_of(g.aclose()))
    say(await anext(g, "nothing"))
    async for i in g:
        say("never", i)

    g = numbers()
    say(await error_of(g.aclose()), await anext(g, "nothing"))

    g = stubborn()
    say(await anext(g))
    say(await error_of(g.aclose()))
    say(await anext(g))

    g = swallows()
    say(await anext(g))
    say(await error_of(g.aclose()))


asyncio.run(main())
