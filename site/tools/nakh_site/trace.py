# SPDX-License-Identifier: BSL-1.0
"""What a program's trace says: who ran when, and who waited for what.

A program that runs with `NAKH_TRACE=FILE` writes one event a line, in JSON; include/nakh/debug.hpp says what stands in them. Only the
program's first loop is looked at.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, field

from .problem import fail

TICKS = 10**9  # of the trace's times in a second
ENDS = ("done", "failed", "cancelled")
# What is waited for, as drawings tell it apart: a timer, other tasks, or a place in a line.
KINDS = {"sleep": "timer", "task": "tasks", "gather": "tasks", "task group": "tasks", "wait": "tasks", "as completed": "tasks", "shield": "tasks"}


@dataclass(frozen=True)
class Event:
    time: int
    what: str  # created, run, yield, wait, wake, done, failed, cancelled
    task: int
    by: int | str = ""  # a task, or "loop", "callback", "outside"
    waits_for: str = ""
    until: int | None = None
    tasks: tuple[int, ...] = ()
    cancelled: bool = False


@dataclass
class Span:
    """A wait from `begin` to `end`."""
    begin: int
    end: int
    kind: str  # timer, tasks, line
    what: str
    tasks: tuple[int, ...]
    cancelled: bool = False


@dataclass
class Task:
    number: int
    name: str
    created: int
    end: int = -1
    outcome: str = ""
    waits: list[Span] = field(default_factory=list)
    turns: list[tuple[int, int]] = field(default_factory=list)  # when, and the how-manieth of all


@dataclass
class Trace:
    events: list[Event]
    tasks: dict[int, Task]

    @property
    def end(self) -> int:
        return max(event.time for event in self.events)


def read(shown: str, text: str) -> Trace:
    events, names = [], {}
    for number, row in enumerate(text.splitlines(), 1):
        try:
            e = json.loads(row)
            if e["loop"] != 1:
                continue
            names[e["task"]] = e["name"]
            events.append(Event(e["time"], e["event"], e["task"], e.get("by", ""), e.get("for", ""), e.get("until"), tuple(e.get("tasks", ())),
                                e.get("cancelled", False)))
        except (ValueError, KeyError, TypeError) as error:
            raise fail(shown, number, f"is no event of a trace: {error}") from None
    if not events:
        raise fail(shown, 0, "left no trace; is it a program of Nakh's?")
    return Trace(events, _tasks(events, names))


def _tasks(events: list[Event], names: dict[int, str]) -> dict[int, Task]:
    tasks: dict[int, Task] = {}
    turns = 0
    for e in events:
        task = tasks.setdefault(e.task, Task(e.task, names[e.task], e.time))
        if e.what == "run":
            turns += 1
            task.turns.append((e.time, turns))
        elif e.what == "wait":
            task.waits.append(Span(e.time, -1, KINDS.get(e.waits_for, "line"), e.waits_for, e.tasks))
        elif e.what == "wake":
            task.waits[-1].end, task.waits[-1].cancelled = e.time, e.cancelled
        elif e.what in ENDS:
            task.end, task.outcome = e.time, e.what
    last = max(e.time for e in events)
    for task in tasks.values():
        for span in task.waits:
            span.end = last if span.end < 0 else span.end
    return tasks


def lanes(shown: str, trace: Trace, wanted: tuple[str, ...]) -> dict[int, str]:
    """The tasks in the order of `wanted`, with the names that these give them.

    Each name takes a task of those that are left: `name@3` the first one that ends at second 3 (in which order C++ makes the arguments
    of a call is the compiler's choice), a name alone the first one that was made. Without any, all tasks have their own names.
    """
    if not wanted:
        return {task.number: task.name for task in trace.tasks.values()}
    left = list(trace.tasks.values())
    if len(wanted) != len(left):
        raise fail(shown, 0, f"has {len(left)} tasks, but {len(wanted)} names were given; its tasks: {_list(trace)}")
    found = {}
    for word in wanted:
        name, _, second = word.partition("@")
        task = next((t for t in left if not second or (t.outcome and t.end == round(float(second) * TICKS))), None)
        if task is None:
            raise fail(shown, 0, f"has no task left that ends at second {second}, for '{name}'; its tasks: {_list(trace)}")
        left.remove(task)
        found[task.number] = name
    return found


def _list(trace: Trace) -> str:
    return ", ".join(f"{t.name} (ends at second {t.end / TICKS:g})" for t in trace.tasks.values())


@dataclass
class Step:
    """One turn of a task, or something that the loop did between two turns; and how things stand after it."""
    time: int
    actor: int | None
    events: list[Event]
    states: dict[int, str] = field(default_factory=dict)  # ready, running, waiting, done, failed, cancelled
    queue: list[int] = field(default_factory=list)  # who is ready, in order


def steps(trace: Trace) -> list[Step]:
    found: list[Step] = []
    states: dict[int, str] = {}
    queue: list[int] = []
    for e in trace.events:
        by_task = isinstance(e.by, int)
        own = e.what == "run" and (not found or found[-1].actor is None or states.get(found[-1].actor) != "running")
        between = e.what in ("created", "wake") and not by_task
        last = found[-1] if found else None
        if own or last is None or (between and (last.actor is not None or last.time != e.time)):
            found.append(Step(e.time, e.task if own else None, []))
        found[-1].events.append(e)
        if e.what in ("created", "wake", "yield"):
            states[e.task] = "ready"
            queue.append(e.task)
        elif e.what == "run":
            states[e.task] = "running"
            queue = [n for n in queue if n != e.task]
        else:
            states[e.task] = {"wait": "waiting"}.get(e.what, e.what)
        found[-1].states, found[-1].queue = dict(states), list(queue)
    return found
