# SPDX-License-Identifier: BSL-1.0
"""Tables and plots from stored measurements: bench/results/*.json, as bench/store writes them.

    {{ measured FILE costs }}      what an operation costs in each model: median, and from the lowest to the highest
    {{ measured FILE programs }}   what a program costs to write and to compile
    {{ measured FILE echo }}       what a message costs each echo server
    {{ measured FILE machine }}    where, when and by which command that was measured
    {{ plot FILE ROW }}            a row's medians as bars, with their spread
"""
from __future__ import annotations

import json
import statistics
from html import escape
from pathlib import Path

from .persian import numeral
from .problem import fail

# A row -> its title; the unit of what was measured.
ROWS = {
    "yield/2": {"en": "A switch: `yield` between two tasks, ns", "fa": "یک تعویض: `yield` میان دو وظیفه، نانوثانیه"},
    "spawn_await/1": {"en": "Start a task and await it, ns", "fa": "ساختن یک وظیفه و انتظار برایش، نانوثانیه"},
    "spawn_await/1:allocations": {"en": "the same, allocations", "fa": "همان، شمار تخصیص‌های حافظه"},
    "gather/10000": {"en": "One task of a gather of 10,000, ns", "fa": "یک وظیفه از گردآوریِ ۱۰٬۰۰۰تایی، نانوثانیه"},
    "deep_await/1": {"en": "A wait 1 call deep, ns", "fa": "انتظار در عمق ۱ فراخوانی، نانوثانیه"},
    "deep_await/10": {"en": "A wait 10 calls deep, ns", "fa": "انتظار در عمق ۱۰ فراخوانی، نانوثانیه"},
    "deep_await/100": {"en": "A wait 100 calls deep, ns", "fa": "انتظار در عمق ۱۰۰ فراخوانی، نانوثانیه"},
    "deep_await/100:allocations": {"en": "the same, allocations", "fa": "همان، شمار تخصیص‌های حافظه"},
    "throw/10": {"en": "An exception through 10 calls, ns", "fa": "استثنایی که از ۱۰ فراخوانی می‌گذرد، نانوثانیه"},
    "generator/next": {"en": "An item of a generator, ns", "fa": "یک مقدار از یک مولّد، نانوثانیه"},
    "park/100000:resident_bytes_each": {"en": "A waiting task of 100,000, bytes", "fa": "یک وظیفهٔ منتظر از ۱۰۰٬۰۰۰تا، بایت"},
}
RUNTIMES = {
    "nakh": {"en": "fibers (Nakh)", "fa": "فایبر (نخ)"},
    "stackless": {"en": "coroutines (Nakh)", "fa": "کوروتین (نخ)"},
    "cpp20": {"en": "bare C++20", "fa": "C++20 خام"},
    "boost_fiber": {"en": "Boost.Fiber", "fa": "Boost.Fiber"},
    "asio_awaitable": {"en": "Asio awaitable", "fa": "Asio awaitable"},
}
# Drawn beside them, and in no table.
LIMIT = {"limit_fcontext": {"en": "the jump alone", "fa": "پرشِ تنها"}}
SERVERS = {
    "epoll": {"en": "a bare epoll loop", "fa": "حلقهٔ خامِ epoll"},
    "asio_callbacks": {"en": "Asio, callbacks", "fa": "Asio با callback"},
    "nakh_streams": {"en": "Nakh, a fiber and a stream", "fa": "نخ، فایبر و جریان"},
    "nakh_stackless": {"en": "Nakh, a coroutine and a stream", "fa": "نخ، کوروتین و جریان"},
    "nakh_asio": {"en": "Nakh, a fiber and Asio's socket", "fa": "نخ، فایبر و سوکتِ Asio"},
    "asio_awaitable": {"en": "Asio, `awaitable`", "fa": "Asio با `awaitable`"},
    "go": {"en": "Go, one processor", "fa": "Go، یک پردازنده"},
    "node": {"en": "node", "fa": "node"},
    "uvloop": {"en": "asyncio on uvloop", "fa": "asyncio روی uvloop"},
    "asyncio": {"en": "asyncio", "fa": "asyncio"},
}
WORDS = {
    "en": {"": "", "program": "Program", "lines": "lines", "compiling": "compiling, s", "object": "object code, KiB", "fibers": "fibers",
           "coroutines": "coroutines", "total": "all together", "command": "Command", "when": "When", "machine": "Machine",
           "system": "System", "versions": "Versions", "repetitions": "Repetitions of each row", "server": "Server",
           "cpu": "ns of processor time a message", "against": "× epoll", "bytes": "bytes a connection", "processors": "processors",
           "measured": "What", "value": "Value", "spread": "bar: median; line: from the lowest to the highest of {} repetitions", "load": "Load of the machine"},
    "fa": {"": "", "program": "برنامه", "lines": "سطر", "compiling": "کامپایل، ثانیه", "object": "کد شیء، کیبی‌بایت", "fibers": "فایبر",
           "coroutines": "کوروتین", "total": "روی هم", "command": "دستور", "when": "تاریخ", "machine": "دستگاه", "system": "سیستم",
           "versions": "نسخه‌ها", "repetitions": "تکرارِ هر سطر", "server": "سرور", "cpu": "نانوثانیه از پردازنده برای هر پیام",
           "against": "× epoll", "bytes": "بایت برای هر اتصال", "processors": "پردازنده", "value": "مقدار", "measured": "چه چیزی",
           "spread": "میله: میانه؛ خط: از کمترین تا بیشترین در {} تکرار", "load": "بارِ دستگاه"},
}


def number(value: float, language: str) -> str:
    """Three digits that count, with a thousands mark; in the language's digits."""
    if value == 0:
        text = "0"
    elif value >= 100 or value == int(value):
        text = f"{value:,.0f}"
    else:
        text = f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return numeral(language, text)


def _cell(values: list[float] | None, language: str) -> str:
    if not values:
        return "—"
    median = number(statistics.median(values), language)
    low, high = (number(v, language) for v in (min(values), max(values)))
    return median if low == high else f"{median} <small>({low}{' تا ' if language == 'fa' else '–'}{high})</small>"


class Measurements:
    """One stored set."""

    def __init__(self, path: Path, shown: str):
        if not path.is_file():
            raise fail(shown, 0, "no such file")
        self.shown = shown
        try:
            self.stored = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise fail(shown, 0, f"is no JSON: {error}") from None

    def table(self, what: str, language: str) -> str:
        tables = {"costs": self._costs, "programs": self._programs, "machine": self._machine, "echo": self._echo}
        if what not in tables:
            raise fail(self.shown, 0, f"has no table '{what}'; there are {', '.join(tables)}")
        return tables[what](language)

    def _costs(self, language: str) -> str:
        used = [r for r in RUNTIMES if any(r in row for row in self.stored["rows"].values())]
        lines = [[WORDS[language]["measured"], *[RUNTIMES[r][language] for r in used]]]
        for row, titles in ROWS.items():
            if row in self.stored["rows"]:
                lines.append([titles[language], *[_cell(self.stored["rows"][row].get(r), language) for r in used]])
        return _markdown(lines)

    def _programs(self, language: str) -> str:
        words, entries = WORDS[language], self.stored["programs"]
        forms = [("lines", 1, "lines"), ("compile_seconds", 1, "compiling"), ("object_bytes", 1024, "object")]
        forms = [form for form in forms if all(form[0] in e["stackful"] for e in entries)]
        lines = [[words["program"], *[f"{words[title]}: {words[model]}" for *_, title in forms for model in ("fibers", "coroutines")]]]
        for entry in entries:
            lines.append([f"`{entry['program']}`", *[number(entry[m][key] / unit, language) for key, unit, _ in forms for m in ("stackful", "stackless")]])
        totals = [number(sum(e[m][key] for e in entries) / unit, language) for key, unit, _ in forms for m in ("stackful", "stackless")]
        return _markdown([*lines, [f"**{words['total']}**", *[f"**{t}**" for t in totals]]])

    def _echo(self, language: str) -> str:
        words = WORDS[language]
        lines = [[words["server"], words["cpu"], words["against"], words["bytes"]]]
        servers = self.stored["servers"]
        for name in sorted(servers, key=lambda s: statistics.median(servers[s]["nanoseconds"])):
            one = servers[name]
            lines.append([SERVERS.get(name, {}).get(language, f"`{name}`"), _cell(one["nanoseconds"], language), _cell(one["times_epoll"], language),
                          _cell(one["bytes"], language)])
        return _markdown(lines)

    def _machine(self, language: str) -> str:
        s, words = self.stored, WORDS[language]
        count = number(s["machine"]["processors"], language)
        lines = [[words["measured"], words["value"]], [words["command"], f"`{s['command']}`"], [words["when"], f"`{s['date']}`"],
                 [words["machine"], f"`{s['machine']['processor']}`{'،' if language == 'fa' else ','} {count} {words['processors']}"],
                 [words["load"], f"`{s['machine']['load']}`"], [words["system"], f"`{s['machine']['system']}`"],
                 [words["versions"], "، ".join(f"`{v}`" for v in s["versions"]) if language == "fa" else ", ".join(f"`{v}`" for v in s["versions"])],
                 [words["repetitions"], number(s["repetitions"], language)]]
        return _markdown(lines)

    def plot(self, row: str, language: str) -> str:
        """An inline drawing in the page's own colours."""
        if row not in self.stored["rows"] or row not in ROWS:
            raise fail(self.shown, 0, f"has no row '{row}'; its rows: {', '.join(r for r in self.stored['rows'] if r in ROWS)}")
        values = self.stored["rows"][row]
        drawn = {titles[language]: values[r] for r, titles in (RUNTIMES | LIMIT).items() if values.get(r)}
        return _bars(ROWS[row][language].replace("`", ""), drawn, language)


def _markdown(lines: list[list[str]]) -> str:
    head, *rows = lines
    marks = ["---", *["---:" if len(head) > 2 else "---"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, marks, *rows]) + "\n"


def _bars(title: str, bars: dict[str, list[float]], language: str) -> str:
    """Across all stands at a percentage of the width, and nothing is scaled, as in a timeline: the letters keep their size on a telephone."""
    height, widest = 44, 78
    top = max(max(v) for v in bars.values())
    drawn = []
    for i, (name, values) in enumerate(bars.items()):
        label = f"\u2067{escape(name)}\u2069" if language == "fa" else escape(name)  # its own direction, in a drawing that has the other
        y, median = i * height, statistics.median(values)
        at, least, most = (f"{max(widest * v / top, 0.3):.1f}%" for v in (median, min(values), max(values)))
        drawn.append(
            f'<text x="0" y="{y + 14}">{label}</text>'
            f'<rect class="nakh-bar" x="0" y="{y + 20}" width="{at}" height="18"/>'
            f'<line class="nakh-spread" x1="{least}" x2="{most}" y1="{y + 29}" y2="{y + 29}"/>'
            f'<line class="nakh-spread" x1="{least}" x2="{least}" y1="{y + 24}" y2="{y + 34}"/>'
            f'<line class="nakh-spread" x1="{most}" x2="{most}" y1="{y + 24}" y2="{y + 34}"/>'
            f'<text x="{most}" dx="8" y="{y + 34}">{number(median, language)}</text>')
    repetitions = number(max(len(v) for v in bars.values()), language)
    caption = f"{title} – {WORDS[language]['spread'].format(repetitions)}"
    return (f'<figure class="nakh-plot"><svg width="100%" height="{len(bars) * height + 6}" role="img" aria-label="{escape(caption)}" direction="ltr">'
            f'{"".join(drawn)}</svg><figcaption>{escape(caption)}</figcaption></figure>\n')
