# SPDX-License-Identifier: BSL-1.0
# An exit that waits, also while a cancellation unwinds: it takes `async with`, a destructor cannot await.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


def say(text):
    print(f"{asyncio.get_running_loop().time():.0f} s: {text}")


# [main]
class Lamp:
    async def __aenter__(self):
        await asyncio.sleep(1)
        say("lamp lit")

    async def __aexit__(self, *error):
        await asyncio.sleep(1)
        say("lamp out")


async def read_book():
    async with Lamp():
        await asyncio.sleep(3)
        say("chapter read")


async def main():
    say("good evening")
    await read_book()
    try:
        await asyncio.wait_for(read_book(), 2)
    except asyncio.TimeoutError:
        say("asleep")  # once the lamp is out


asyncio.run(main())
# [main]
