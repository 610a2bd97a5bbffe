# SPDX-License-Identifier: BSL-1.0
# Rows: T-srv-02 T-srv-03 T-str-09 T-str-10
import asyncio

from telling import error_of, say


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
    writer.close()


def address_of(server):
    return server.sockets[0].getsockname()[:2]


async def ask(reader, writer, line):
    writer.write(line)
    say((await reader.readline()).decode().strip())


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0, start_serving=False)
    there = address_of(server)
    say(server.is_serving(), len(server.sockets))
    await server.start_serving()
    say(server.is_serving())
    reader, writer = await asyncio.open_connection(*there)
    await ask(reader, writer, b"before\n")
    server.close()
    say(server.is_serving(), len(server.sockets))
    await ask(reader, writer, b"after\n")
    say(await error_of(asyncio.open_connection(*there)))
    say(writer.is_closing())
    writer.close()
    say(writer.is_closing())
    await writer.wait_closed()
    say(len(await reader.read()), reader.at_eof())
    say(await error_of(server.serve_forever()))

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    there = address_of(server)
    serving = asyncio.create_task(server.serve_forever())
    await asyncio.sleep(0)
    say(await error_of(server.serve_forever()))
    reader, writer = await asyncio.open_connection(*there)
    await ask(reader, writer, b"served\n")
    writer.write_eof()
    say(len(await reader.read()))
    writer.close()
    serving.cancel()
    say(await error_of(serving), server.is_serving(), len(server.sockets))
    say(await error_of(asyncio.open_connection(*there)))


asyncio.run(main())
