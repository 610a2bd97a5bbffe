# SPDX-License-Identifier: BSL-1.0
# Rows: T-sub-03 T-sub-04 T-sub-07 T-sub-09
import asyncio
from asyncio.subprocess import PIPE

from telling import error_of, now, say


async def waits(p, name):
    say(name, await p.wait())


async def main():
    p = await asyncio.create_subprocess_shell("read x; exit 6", stdin=PIPE)
    tasks = [asyncio.create_task(waits(p, name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    say("cancelled", await error_of(tasks[1]), p.returncode is None)
    say("timeout", await error_of(asyncio.wait_for(p.wait(), 2)), p.returncode is None, now())
    p.stdin.write(b"\n")
    await tasks[0]
    await tasks[2]
    say("again", await p.wait())

    p = await asyncio.create_subprocess_exec("head", "-c", "300000", "/dev/zero", stdout=PIPE, limit=1000)
    say("one", len(await p.stdout.readexactly(1)), p.returncode is None)
    say("rest", len(await p.stdout.read()), await p.wait())

    p = await asyncio.create_subprocess_exec("sleep", "100", stdin=PIPE, stdout=PIPE)
    p._transport.close()
    say("closed", await p.wait())


asyncio.run(main())
