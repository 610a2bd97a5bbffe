#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs an asyncio program in virtual time: usage: virtual_asyncio.py PROGRAM [ARGUMENT...]

The loop's clock starts at 0, stands still while anything can run, and jumps to the next timer's deadline, exactly, when
nothing can. While a thread works for the loop, the clock stands still too. It is what nakh::virtual_clock does, so that both
sides of a comparison see the same times.
"""

import asyncio
import concurrent.futures
import contextlib
import itertools
import pathlib
import runpy
import selectors
import sys
import warnings


class FifoTimerHandle(asyncio.TimerHandle):
    """CPython leaves the order of equal deadlines to its heap; nakh promises first in, first out."""

    __slots__ = ("_number",)
    _numbers = itertools.count()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._number = next(self._numbers)

    def __lt__(self, other):
        return (self._when, self._number) < (other._when, other._number)


class JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for time to pass, moves the loop's clock on."""

    loop = None

    def select(self, timeout=None):
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None or self.loop.outside_work > 0:
            return super().select(None)
        self.loop.now = max(self.loop.now, self.loop._scheduled[0]._when)
        return events


class CountingExecutor(concurrent.futures.ThreadPoolExecutor):
    """Counts the jobs that are under way, those whose futures were cancelled meanwhile included."""

    def __init__(self, loop, max_workers=None):
        super().__init__(max_workers)
        self._loop = loop

    def submit(self, *args, **kwargs):
        future = super().submit(*args, **kwargs)
        self._loop.outside_work += 1
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _future):
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._count_down)

    def _count_down(self):
        self._loop.outside_work -= 1


class VirtualLoop(asyncio.SelectorEventLoop):
    now = 0.0
    PASSES_UNTIL_SPINNING = 1000

    def __init__(self):
        selector = JumpingSelector()
        super().__init__(selector)
        selector.loop = self
        self._clock_resolution = 1e-9
        self._busy_passes = 0
        self.outside_work = 0

    def time(self):
        return self.now

    def run_in_executor(self, executor, func, *args):
        if executor is None and self._default_executor is None:
            self.set_default_executor(CountingExecutor(self))
        return super().run_in_executor(executor, func, *args)

    async def shutdown_default_executor(self, *args):
        self.outside_work += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self.outside_work -= 1

    def _run_once(self):
        # A task that spins on sleep(0) must not stop the clock for ever.
        self._busy_passes = self._busy_passes + 1 if self._ready and self.outside_work == 0 else 0
        if self._busy_passes >= self.PASSES_UNTIL_SPINNING and self._scheduled:
            self._busy_passes = 0
            self.now = max(self.now, self._scheduled[0]._when)
        super()._run_once()


def main():
    program, *arguments = sys.argv[1:]
    warnings.simplefilter("ignore", DeprecationWarning)  # policies, from Python 3.14 on
    asyncio.events.TimerHandle = FifoTimerHandle

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self):
            return VirtualLoop()

    asyncio.set_event_loop_policy(Policy())
    sys.argv = [program, *arguments]
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))  # telling.py
    sys.path.insert(0, str(pathlib.Path(program).resolve().parent))
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
