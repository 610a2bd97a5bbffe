# SPDX-License-Identifier: BSL-1.0
"""The table of asyncio's behaviours, row by row, from the tests themselves.

tests/semantics/rows.tsv names the rows, and rows.py judges them; a row's sentence is the name of its test case, its programs are
those whose first lines name it, and results.json has what `models.py --store` found when it ran them. adapted.tsv says, in both
languages, how an adapted row differs; a sentence's Persian is in the catalogue `behaviours`.
"""
from __future__ import annotations

import csv
import importlib.util
import json
import re
from functools import cached_property
from html import escape
from pathlib import Path

from .catalogue import Catalogue, Text
from .persian import numeral
from .problem import SiteError, fail

GROUPS = {
    "loop": ("The loop: passes, stop, close", "حلقه: دور، ایستادن، بستن"), "timer": ("Timers", "زمان‌سنج‌ها"), "sleep": ("Sleep", "خواب"),
    "fut": ("Futures", "`future`‌ها"), "task": ("Tasks", "وظیفه‌ها"), "cancel": ("Cancellation", "لغو"), "gather": ("gather", "گردآوری"),
    "wait": ("wait", "wait"), "asc": ("as_completed", "as_completed"), "wfor": ("wait_for", "wait_for"), "tmo": ("timeout", "timeout"),
    "tg": ("Task groups", "گروهِ وظیفه"), "exg": ("Groups of errors", "گروهِ خطا"), "shield": ("shield", "shield"), "queue": ("Queues", "صف‌ها"),
    "lock": ("Lock", "قفل"), "event": ("Event", "رویداد"), "sem": ("Semaphores", "سمافورها"), "cond": ("Condition", "متغیر شرطی"),
    "bar": ("Barrier", "مانع"), "run": ("run and Runner", "run و Runner"), "sig": ("Signals", "سیگنال‌ها"), "thr": ("Threads", "رشته‌ها"),
    "ctx": ("Context variables", "متغیرهای زمینه"), "agen": ("Generators", "مولّدها"), "pipe": ("Pipelines", "خط لوله"),
    "exc": ("Errors that leave the loop", "خطاهایی که از حلقه بیرون می‌روند"), "dbg": ("Reports and debug mode", "گزارش‌ها و حالت اشکال‌زدایی"),
    "eager": ("Eager tasks", "وظیفه‌های بی‌درنگ"), "graph": ("Who waits for whom", "چه کسی منتظرِ کیست"), "insp": ("Looking from outside", "نگاه از بیرون"),
    "str": ("Streams", "جریان‌ها"), "srv": ("Servers and connections", "سرورها و اتصال‌ها"), "sub": ("Subprocesses", "زیرفرایندها"),
}
VERDICTS = {
    "held": ("as in asyncio", "مثل asyncio"), "adapted": ("adapted", "با تفاوت"), "not applicable": ("no counterpart", "بی‌همتا"),
    "later": ("to come", "در راه"), "missing": ("missing", "کم است"),
}
HEAD = {"en": ("Row", "What happens", "In Nakh", "Beside CPython"), "fa": ("سطر", "چه می‌شود", "در نخ", "کنارِ CPython")}
SUMMARY = {"en": ("Group", "rows", "as in asyncio", "adapted", "no counterpart"), "fa": ("گروه", "سطر", "مثل asyncio", "با تفاوت", "بی‌همتا")}
ALL = {"en": "All", "fa": "همه"}
LETTERS = {"en": ("fibers", "coroutines"), "fa": ("فایبر", "کوروتین")}


class Behaviours:
    def __init__(self, root: Path):
        here = root / "tests/semantics"
        spec = importlib.util.spec_from_file_location("nakh_semantics_rows", here / "rows.py")
        rows = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(rows)
        sources = [p.read_text(encoding="utf-8") for p in sorted((root / "tests").glob("*_test.cpp"))]
        self.rows = rows.read_rows()
        excuses = (here / "not_applicable.md").read_text(encoding="utf-8")
        self.verdicts, wrong = rows.judge(self.rows, set(rows.tested_rows(sources)), set(rows.ROW.findall(excuses)))
        if wrong:
            raise fail("tests/semantics/rows.tsv", 0, wrong[0])
        self.sentences = dict(re.findall(r"^- (T-[a-z]+-\d\d): (.+)$", excuses, re.M))
        for text in sources:
            for names, sentence in re.findall(r'TEST_CASE\w*\((?:\w+,\s*)?"(T-[^":]*): ((?:[^"\\]|\\.)*)"', text):
                for name in rows.ROW.findall(names):
                    self.sentences.setdefault(name, sentence.replace('\\"', '"'))
        with open(here / "adapted.tsv", encoding="utf-8") as file:
            next(file)
            self.differences = {name: {"en": en, "fa": fa} for name, en, fa in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
        unlike = {n for n, v in self.verdicts.items() if v == "adapted"} ^ self.differences.keys()
        if unlike:
            raise fail("tests/semantics/adapted.tsv", 0, f"and rows.tsv disagree on {', '.join(sorted(unlike))}")
        self.programs = self._programs(here)
        self._root = root

    @staticmethod
    def _programs(here: Path) -> dict[str, list[dict]]:
        """Row -> the trace programs that stand for it, with what was found when they ran."""
        stored = json.loads((here / "results.json").read_text(encoding="utf-8"))
        by_row: dict[str, list[dict]] = {}
        names = set()
        for program in sorted((here / "traces").glob("*.py")):
            names.add(program.stem)
            if program.stem not in stored["programs"]:
                raise fail("tests/semantics/results.json", 0, f"knows nothing of {program.stem}: run models.py --store again")
            for row in re.search(r"^# Rows: (.*)$", program.read_text(encoding="utf-8"), re.M)[1].split():
                by_row.setdefault(row, []).append({"name": program.stem} | stored["programs"][program.stem])
        gone = stored["programs"].keys() - names
        if gone:
            raise fail("tests/semantics/results.json", 0, f"knows {sorted(gone)[0]}, which is no program: run models.py --store again")
        return by_row

    def summary(self, language: str) -> str:
        at = 0 if language == "en" else 1
        lines = ["| " + " | ".join(SUMMARY[language]) + " |", "|---|---:|---:|---:|---:|"]
        counts = {g: [v for n, v in self.verdicts.items() if n.split("-")[1] == g] for g in self._groups()}
        for group, verdicts in [*counts.items(), ("", list(self.verdicts.values()))]:
            title = f"[{GROUPS[group][at]}](#{group})" if group else f"**{ALL[language]}**"
            numbers = [len(verdicts), *[verdicts.count(v) for v in ("held", "adapted", "not applicable")]]
            lines.append(f"| {title} | " + " | ".join(numeral(language, str(n)) for n in numbers) + " |")
        return "\n".join(lines) + "\n"

    def _groups(self) -> list[str]:
        found = list(dict.fromkeys(name.split("-")[1] for name in self.rows))
        unknown = [g for g in found if g not in GROUPS]
        if unknown:
            raise fail("site/tools/nakh_site/catalogue.py", 0, f"has no title for the rows T-{unknown[0]}-..")
        return found

    def differing(self, language: str) -> str:
        """The adapted rows alone."""
        lines = ["| " + " | ".join(HEAD[language][:3]) + " |", "|---|---|---|"]
        lines += [f"| [`{name}`](#{name.split('-')[1]}) | {self._sentence(name, language)} | {self.differences[name][language]} |"
                  for name, verdict in self.verdicts.items() if verdict == "adapted"]
        return "\n".join(lines) + "\n"

    def texts(self) -> list[Text]:
        return [Text.of(self.sentences[name], "", name) for name in self.rows if name in self.sentences]

    @cached_property
    def _persian(self) -> Catalogue:
        made = Catalogue(self._root, "behaviours")
        if wrong := made.problems(self.texts(), set()):
            raise SiteError(wrong)
        return made

    def _sentence(self, name: str, language: str) -> str:
        sentence = self.sentences.get(name, "")
        if language == "en" or not sentence:
            return _safe(sentence)
        return self._persian.translation(sentence).replace("|", "\\|")

    def table(self, language: str) -> str:
        at = 0 if language == "en" else 1
        out = []
        for group in self._groups():
            out += [f"### {GROUPS[group][at]} {{#{group}}}", "", "| " + " | ".join(HEAD[language]) + " |", "|---|---|---|---|"]
            out += [self._row(name, language) for name in self.rows if name.split("-")[1] == group]
            out.append("")
        return "\n".join(out)

    def _row(self, name: str, language: str) -> str:
        at = 0 if language == "en" else 1
        verdict = self.verdicts[name]
        said = VERDICTS[verdict][at]
        if verdict == "adapted":
            said = f"**{said}**: {self.differences[name][language]}"
        elif verdict != "held":
            said = f"**{said}**"
        beside = []
        for program in self.programs.get(name, []):
            models = [word for key, word in zip(("stackful", "stackless"), LETTERS[language]) if program[key] == "agrees"]
            beside.append(f"`{program['name']}` ({('، ' if language == 'fa' else ', ').join(models)})")
        return f"| `{name}` | {self._sentence(name, language)} | {said} | {'<br>'.join(beside) or '—'} |"


def _safe(sentence: str) -> str:
    return re.sub(r"([|*_`\[\]\\])", r"\\\1", escape(sentence, quote=False))
