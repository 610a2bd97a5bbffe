# SPDX-License-Identifier: BSL-1.0
"""A trace step by step: an ordered list, which the page's script turns into something to go through with two buttons."""
from __future__ import annotations

from html import escape

from . import timeline
from .trace import Trace, steps
from .words import WORDS, listed, seconds, sentences


def render(language: str, shown: str, trace: Trace, lanes: dict[int, str], key: str) -> str:
    """As one line of HTML."""
    words = WORDS[language]
    name = lambda number: f"<code>{escape(lanes.get(number, '?'))}</code>"  # noqa: E731
    waits: dict = {}
    rows = []
    for step in steps(trace):
        told = sentences(language, [e for e in step.events if e.what != "run" or e.task != step.actor], name, waits)
        title = words["whose"].format(task=name(step.actor)) if step.actor is not None else words["loop"]
        ready = words["queue"].format(tasks=listed(language, [name(n) for n in step.queue])) + words["ended"] if step.queue else words["nobody"]
        states = "".join(_state(language, name(n), step.states.get(n, "none"), n == step.actor) for n in lanes)
        rows.append(f'<li data-at="{100 * step.time / trace.end:.4g}%"><p><strong>{words["at"].format(time=seconds(language, step.time))}{title}</strong></p>'
                    f'<ul>{"".join(f"<li>{_sentence(language, text)}</li>" for text in told)}</ul><p>{ready}</p>'
                    f'<ul class="nakh-states">{states}</ul></li>')
    settings = " ".join(f'data-{k}="{escape(words[k])}"' for k in ("previous", "next", "first", "position", "controls"))
    drawing = timeline.draw(language, shown, trace, lanes, key, with_cursor=True)
    return f'<div class="nakh-steps" {settings}>{drawing}<ol>{"".join(rows)}</ol></div>'


def _sentence(language: str, text: str) -> str:
    return (text[0].upper() + text[1:] if language == "en" and not text.startswith("<") else text) + "."


def _state(language: str, name: str, state: str, acts: bool) -> str:
    mark = ' class="acts"' if acts else ""
    return f'<li{mark} data-state="{state}">{name} <span>{WORDS[language]["state_" + state]}</span></li>'
