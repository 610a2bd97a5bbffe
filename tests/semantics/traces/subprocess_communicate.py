# SPDX-License-Identifier: BSL-1.0
# Rows: T-sub-01 T-sub-02 T-sub-05
import asyncio
from asyncio.subprocess import DEVNULL, PIPE, STDOUT

from telling import error_of, say


async def main():
    p = await asyncio.create_subprocess_shell("cat; echo problems >&2; exit 3", stdin=PIPE, stdout=PIPE, stderr=PIPE)
    say("running", p.returncode is None)
    output, error = await p.communicate(b"one two")
    say(output.decode(), error.decode(), p.returncode)

    p = await asyncio.create_subprocess_shell("echo out; echo err >&2", stdout=PIPE, stderr=STDOUT)
    output, error = await p.communicate()
    say(output.decode(), p.stdin is None, p.stderr is None)

    p = await asyncio.create_subprocess_exec("cat", stdin=DEVNULL, stdout=PIPE)
    output, error = await p.communicate()
    say(len(output), p.returncode)

    p = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
    output, error = await p.communicate(b"x" * 1_000_000)
    say(len(output), p.returncode)

    p = await asyncio.create_subprocess_shell("exit 4", stdin=PIPE, stdout=PIPE)
    output, error = await p.communicate(b"x" * 1_000_000)
    say(len(output), p.returncode)

    p = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
    for line in [b"first\n", b"second\n"]:
        p.stdin.write(line)
        await p.stdin.drain()
        say((await p.stdout.readline()).decode())
    p.stdin.close()
    say(len(await p.stdout.read()), p.stdout.at_eof(), await p.wait())

    say(await error_of(asyncio.create_subprocess_exec("no-such-program-of-nakh")))


asyncio.run(main())
