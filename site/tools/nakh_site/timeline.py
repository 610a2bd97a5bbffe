# SPDX-License-Identifier: BSL-1.0
"""Draws a trace: a lane for each task, bars where it waits, marks where it has its turn, arrows from an end to whoever waits for it.

Across, everything stands at a percentage of the width, and nothing is scaled: so the same drawing fits a wide page and a telephone, and
its letters keep their size. Colours come from the style sheet. Time runs from left to right in both languages.
"""
from __future__ import annotations

from html import escape

from . import search
from .persian import digits
from .problem import fail
from .trace import TICKS, Trace
from .words import LINES, WORDS, seconds, sentences

LANE = 50  # from one lane to the next, in pixels
BAR_TOP, BAR_HEIGHT = 18, 14
TOP = 4
SIGNS = {  # at the end of a task; around a middle of 0,0
    "done": '<circle r="4.5"/>',
    "failed": '<path d="M0-5.5 5.5 4.5-5.5 4.5Z"/>',
    "cancelled": '<circle r="4.5"/><path d="M-4-4 4 4M-4 4 4-4"/>',
}
CUT = '<path d="M-4-4 4 4M-4 4 4-4"/>'
MOST_TICKS = 12
SHORTEST_LABELLED = 0.24  # of the width


def draw(language: str, shown: str, trace: Trace, lanes: dict[int, str], key: str, with_cursor: bool = False) -> str:
    """The drawing as one line of HTML: a figure with its legend. `key` makes its ids the page's own."""
    if trace.end <= 0:
        raise fail(shown, 0, "takes no time on the virtual clock; there is nothing to draw")
    words, rows = WORDS[language], {number: i for i, number in enumerate(lanes)}
    at = lambda time: f"{100 * time / trace.end:.4g}%"  # noqa: E731
    bar = lambda number: TOP + rows[number] * LANE + BAR_TOP  # noqa: E731
    used: dict[str, bool] = {}
    out: list[str] = []

    bottom = TOP + len(lanes) * LANE
    if with_cursor:
        out.append(f'<line class="cursor" x1="0%" x2="0%" y1="0" y2="{bottom}"/>')
    step = _tick_step(trace.end)
    ticks = range(0, trace.end + 1, step)
    for time in ticks:
        out.append(f'<line class="tick" x1="{at(time)}" x2="{at(time)}" y1="{TOP}" y2="{bottom}"/>')
        out.append(f'<text class="time" x="{at(time)}" y="{bottom + 14}">{seconds(language, time)}</text>')
    out.append(f'<text class="unit" x="50%" y="{bottom + 30}">{words["axis"]}</text>')

    arrows: list[str] = []
    labels: list[str] = []
    for number, name in lanes.items():
        task, y = trace.tasks[number], bar(number)
        end = task.end if task.outcome else trace.end
        out.append(f'<text class="name" x="0" y="{y - 5}">{escape(name)}</text>')
        out.append(f'<line class="ready" x1="{at(task.created)}" x2="{at(end)}" y1="{y + BAR_HEIGHT / 2:g}" y2="{y + BAR_HEIGHT / 2:g}"/>')
        for span in task.waits:
            if span.end == span.begin:
                continue
            used[span.kind] = True
            if span.cancelled:
                used["cut"] = True
                out.append(f'<svg class="end cut" x="{at(span.end)}" y="{y - 9}">{CUT}</svg>')
            out.append(f'<rect class="wait {span.kind}" x="{at(span.begin)}" y="{y}" width="{at(span.end - span.begin)}" height="{BAR_HEIGHT}"/>')
            if span.end - span.begin >= SHORTEST_LABELLED * trace.end:
                label = _label(language, span.kind, span.what)
                labels.append(f'<text class="label" x="{at((span.begin + span.end) / 2)}" y="{y + 11}">{escape(label)}</text>')
        numbers: dict[int, list[int]] = {}
        for time, turn in task.turns:
            numbers.setdefault(time, []).append(turn)
        for time, turns in numbers.items():
            used["turn"] = True
            out.append(f'<rect class="turn" x="{at(time)}" y="{y - 2}" width="4" height="{BAR_HEIGHT + 4}" transform="translate(-2)"/>')
            side = "last" if time == trace.end else "first"
            out.append(f'<text class="number {side}" x="{at(time)}" y="{y + BAR_HEIGHT + 13}">{digits(language, words["comma"].join(map(str, turns)))}</text>')
        if task.outcome:
            used[task.outcome] = True
            out.append(f'<svg class="end {task.outcome}" x="{at(task.end)}" y="{y + BAR_HEIGHT / 2:g}">{SIGNS[task.outcome]}</svg>')
    for kind, time, source, target in _arrows(trace):
        if source in rows and target in rows and source != target:
            used[kind] = True
            arrows.append(_arrow(kind, at(time), bar(source), bar(target)))
    example = shown.removeprefix("examples/")
    title = words["title"].format(example=example)
    height = bottom + 36
    picture = (f'<svg role="img" aria-labelledby="{key}-title {key}-desc" width="100%" height="{height}">'
               f'<title id="{key}-title">{search.NOT_SEARCHED[0]}{escape(title)}</title><desc id="{key}-desc">{escape(describe(language, trace, lanes))}</desc>'
               f'{"".join(out)}{"".join(arrows)}{"".join(labels)}</svg>')
    # Between the two marks, which nobody sees, stands nothing that is to be searched: see search.py.
    return f'<figure class="nakh-timeline">{picture}<figcaption>{_legend(language, used).removesuffix("</span>")}{search.NOT_SEARCHED[1]}</span></figcaption></figure>'


def describe(language: str, trace: Trace, lanes: dict[int, str]) -> str:
    """The trace in words, moment by moment."""
    words = WORDS[language]
    by_time: dict[int, list] = {}
    for event in trace.events:
        if event.what != "run":
            by_time.setdefault(event.time, []).append(event)
    waits: dict = {}
    name = lambda number: lanes.get(number, "?")  # noqa: E731
    parts = []
    for time, events in by_time.items():
        parts.append(words["at"].format(time=seconds(language, time)) + ("; " if language == "en" else "؛ ").join(sentences(language, events, name, waits)) + ".")
    return " ".join(parts)


def _tick_step(end: int) -> int:
    step = TICKS
    while end // step > MOST_TICKS:
        step *= 5 if step // TICKS in (1, 10, 100, 1000) else 2
    while end < 2 * step and step > 1000:
        step //= 10
    return step


def _label(language: str, kind: str, what: str) -> str:
    words = {"en": {"timer": "timer", "gather": "gather", "task": "await"}, "fa": {"timer": "زمان‌سنج", "gather": "گردآوری", "task": "await"}}[language]
    return words.get(kind) or words.get(what) or LINES[language].get(what, what)


def _arrows(trace: Trace) -> list[tuple[str, int, int, int]]:
    """(kind, when, from, to), each once."""
    found: dict[tuple[str, int, int, int], None] = {}
    for task in trace.tasks.values():
        for span in task.waits:
            for number in span.tasks:
                other = trace.tasks.get(number)
                if other is not None and other.outcome and span.begin <= other.end <= span.end:
                    found["wakes", other.end, number, task.number] = None
    for e in trace.events:
        if e.what == "wake" and isinstance(e.by, int) and ("wakes", e.time, e.by, e.task) not in found:
            found["cancels" if e.cancelled else "passes", e.time, e.by, e.task] = None
    return list(found)


def _arrow(kind: str, x: str, source: int, target: int) -> str:
    up = source > target
    tip = target + BAR_HEIGHT + 3 if up else target - 3
    begin = source - 2 if up else source + BAR_HEIGHT + 2
    head = '<path d="M-4 6 0 0 4 6Z"/>' if up else '<path d="M-4-6 0 0 4-6Z"/>'
    return f'<line class="arrow {kind}" x1="{x}" x2="{x}" y1="{begin}" y2="{tip + (5 if up else -5)}"/><svg class="head {kind}" x="{x}" y="{tip}">{head}</svg>'


def _legend(language: str, used: dict[str, bool]) -> str:
    signs = {
        "turn": '<rect class="turn" x="8" y="0" width="4" height="14"/>',
        **{kind: f'<rect class="wait {kind}" x="1" y="1" width="18" height="12"/>' for kind in ("timer", "tasks", "line")},
        **{kind: f'<line class="arrow {kind}" x1="10" x2="10" y1="14" y2="5"/><svg class="head {kind}" x="10" y="0"><path d="M-4 6 0 0 4 6Z"/></svg>'
           for kind in ("wakes", "passes", "cancels")},
        "cut": f'<svg class="end cut" x="10" y="7">{CUT}</svg>',
        **{kind: f'<svg class="end {kind}" x="10" y="7">{sign}</svg>' for kind, sign in SIGNS.items()},
    }
    return "".join(f'<span><svg aria-hidden="true" width="20" height="14">{sign}</svg> {WORDS[language][kind]}</span>' for kind, sign in signs.items() if used.get(kind))
