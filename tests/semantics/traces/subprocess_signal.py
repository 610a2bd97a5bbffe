# SPDX-License-Identifier: BSL-1.0
# Rows: T-sub-02 T-sub-10
import asyncio
import signal
from asyncio.subprocess import PIPE

from telling import say


async def sleeper():
    return await asyncio.create_subprocess_exec("sleep", "100")


async def main():
    p = await sleeper()
    p.kill()
    say("killed", await p.wait(), p.returncode)
    p = await sleeper()
    p.terminate()
    say("terminated", await p.wait())
    p = await sleeper()
    p.send_signal(signal.SIGUSR1)
    say("signalled", await p.wait())
    p = await asyncio.create_subprocess_shell("kill -s HUP $$")
    say("by itself", await p.wait())

    handles = "sleep 100 >/dev/null & trap 'kill $!; echo caught; exit 5' TERM; echo ready; wait"
    p = await asyncio.create_subprocess_shell(handles, stdout=PIPE)
    say((await p.stdout.readline()).decode())
    p.terminate()
    output, _ = await p.communicate()
    say(output.decode(), p.returncode)

    p = await asyncio.create_subprocess_shell("exit 9")
    await p.wait()
    try:
        p.terminate()
    except OSError as error:
        say(error, p.returncode)


asyncio.run(main())
