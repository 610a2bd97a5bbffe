# SPDX-License-Identifier: BSL-1.0
# Rows: T-str-01 T-str-02 T-str-03 T-str-04 T-str-07 T-str-08
import asyncio

from telling import say


async def echo(reader, writer):
    while line := await reader.readline():
        say("server", len(line))
        writer.write(line)
        await writer.drain()
    writer.write(b"bye")
    writer.close()


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for line in [b"first\n", b"second line\n", b"\n"]:
        writer.write(line)
        await writer.drain()
        say("client", len(await reader.readline()))
    writer.write(b"a;b;;c\n")
    say((await reader.readuntil(b";;")).decode(), (await reader.readexactly(2)).decode())
    writer.write(b"the last")
    writer.write_eof()
    say((await reader.readexactly(8)).decode(), reader.at_eof())
    say(len(await reader.read(0)))
    try:
        await reader.readexactly(10)
    except asyncio.IncompleteReadError as error:
        say("incomplete", error.partial.decode(), error.expected)
    say(len(await reader.readline()), reader.at_eof())
    writer.close()

    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=8)
    writer.write(b"0123456789abcdef\n")
    writer.write_eof()
    try:
        await reader.readuntil(b";")
    except asyncio.LimitOverrunError:
        say("overrun", (await reader.readexactly(10)).decode())
    say((await reader.read()).decode())
    writer.close()
    server.close()


asyncio.run(main())
