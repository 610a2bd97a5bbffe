# SPDX-License-Identifier: BSL-1.0
"""A TCP server that sends back each line, and three clients that use it at the same time."""
import asyncio


# [main]
async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def talk(port, name):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for word in ("hello", "and goodbye"):
        writer.write(f"{word}, says {name}\n".encode())
        answers.append((await reader.readline()).decode().strip())
    writer.close()
    await writer.wait_closed()
    return answers


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        talks = [talk(port, name) for name in ("Ava", "Bita", "Cyrus")]
        for answers in await asyncio.gather(*talks):
            print(*answers, sep=" / ")


asyncio.run(main())
# [main]
