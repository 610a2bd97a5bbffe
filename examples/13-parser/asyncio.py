# SPDX-License-Identifier: BSL-1.0
# A parser that pulls its input while the pieces still come: every function of it is a coroutine.
import sys

sys.path.pop(0)  # this folder, or this file would be the module that it imports
import asyncio


def say(text):
    print(f"{asyncio.get_running_loop().time():.0f} s: {text}")


# [main]
class Input:
    def __init__(self, pieces):
        self.pieces, self.piece, self.at = pieces, "", 0

    async def peek(self):
        if self.at == len(self.piece):
            self.piece, self.at = await self.pieces.get(), 0
        return self.piece[self.at : self.at + 1]  # the end: ""

    async def symbol(self):  # the same behind spaces
        while (character := await self.peek()) == " ":
            self.at += 1
        return character


async def value(source):  # a number, or the sum of a list in parentheses
    number = 0
    character = await source.symbol()
    if character != "(":
        if not character.isdigit():
            raise ValueError("this is no number")
        while character.isdigit():
            number = 10 * number + int(character)
            source.at += 1
            character = await source.peek()
        return number
    source.at += 1
    while await source.symbol() != ")":
        number += await value(source)
    source.at += 1
    return number


async def calculate(pieces):
    say("listening")
    source = Input(pieces)
    while await source.symbol() != "":
        say(f"sum  {await value(source)}")


async def send(pieces):
    for piece in ("(2 3", "4 (1 2", ")) (6", "7 1)"):
        await asyncio.sleep(1)
        say(f"got  {piece}")
        await pieces.put(piece)
    await pieces.put("")


async def main():
    pieces = asyncio.Queue()
    await asyncio.gather(calculate(pieces), send(pieces))


asyncio.run(main())
# [main]
