# SPDX-License-Identifier: BSL-1.0
"""From the sources in site/{fa,en} to the pages that the builder is given.

A page is Markdown in which a line of its own may hold a directive:

    {{ code examples/05-gather/stackful.cpp main }}   the region [main] of a file; several, one after the other; none: all of it
    {{ output examples/05-gather }}                   what the built program prints
    {{ run examples/05-gather }}                      the command that runs it
    {{ timeline examples/05-gather main a@3 b@1 }}    a drawing of who ran when; the names of its tasks (see trace.lanes)
    {{ steps examples/05-gather main a@3 b@1 }}       the same to go through step by step
    {{ measured bench/results/models.json costs }}    a table of a stored measurement: costs, programs, echo, machine
    {{ plot bench/results/models.json yield/2 }}      a row of it as a drawing
    {{ semantics summary }}                           asyncio's behaviours, from the tests: summary, differences, or all rows
    {{ changelog }}                                   CHANGELOG.md
    {{ headers }}                                     the reference's pages, group by group
    {{ symbols }}                                     every public symbol, from A to Z

`code` takes `title="..."` (the file's name unless given, `title=""` for none) and `lines="2 5-7"` to highlight. A directive may be
indented: inside a tab or a note it keeps its indentation. Code is never pasted: a fence in any other language than sh is refused.
"""
from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

from . import abbreviations, drawings, markdown, persian, regions, stepping, timeline, trace
from .behaviours import Behaviours
from .measurements import Measurements
from .problem import Problem, SiteError, fail
from .programs import Programs
from .reference import Reference

LANGUAGES = ("fa", "en")
DIRECTIVE = re.compile(r"^(\s*)\{\{\s*([a-z]+)\b\s*(.*?)\s*\}\}\s*$")
ANY_DIRECTIVE = re.compile(r"\{\{|\}\}")
WIDEST_CODE = 88  # columns that a wide page shows without scrolling; examples/.clang-format
HIGHLIGHT = {".cpp": "cpp", ".hpp": "cpp", ".py": "python", ".sh": "sh", ".cmake": "cmake", ".txt": "text", ".json": "json"}
_TASKS = "the name of one example and those of its tasks"
# Directive -> how few words, how many, and what they are.
WORDS = {
    "code": (1, 9, "a file and the names of its regions"),
    "output": (1, 1, "the name of one example"),
    "run": (1, 1, "the name of one example"),
    "timeline": (1, 40, _TASKS),
    "steps": (1, 40, _TASKS),
    "drawing": (1, 1, "the name of one drawing"),
    "measured": (2, 2, "a file and the name of a table"),
    "plot": (2, 2, "a file and the name of a row"),
    "semantics": (1, 1, "summary, differences or rows"),
    "changelog": (0, 0, "nothing"),
    "headers": (0, 0, "nothing"),
    "symbols": (0, 0, "nothing"),
}
TITLE = re.compile(r"^title: (.+)$", re.MULTILINE)
LABELS = {"fa": {"output": "خروجی"}, "en": {"output": "Output"}}


@dataclass(frozen=True)
class Directive:
    number: int
    indent: str
    name: str
    words: tuple[str, ...]
    options: tuple[tuple[str, str], ...]


def directives(path: str, text: str) -> list[Directive]:
    """Every directive of a page; a malformed one fails."""
    found = []
    for line in markdown.lines(text):
        match = DIRECTIVE.match(line.text) if line.kind == "prose" else None
        if match:
            found.append(_parse(path, line.number, match))
        elif line.kind == "prose" and ANY_DIRECTIVE.search(re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", line.text)):
            raise fail(path, line.number, "a directive stands on a line of its own")
    return found


def _parse(path: str, number: int, match: re.Match[str]) -> Directive:
    indent, name, rest = match.groups()
    try:
        arguments = shlex.split(rest)
    except ValueError as error:
        raise fail(path, number, f"directive {name}: {error}") from None
    words = tuple(a for a in arguments if "=" not in a)
    options = tuple((k, v) for k, _, v in (a.partition("=") for a in arguments if "=" in a))
    wanted = WORDS.get(name)
    if wanted is None:
        raise fail(path, number, f"unknown directive '{name}'; there are {', '.join(WORDS)}")
    if not wanted[0] <= len(words) <= wanted[1]:
        what = wanted[2]
        raise fail(path, number, f"directive {name} takes {what}, not {len(words)} words")
    unknown = [k for k, _ in options if k not in ({"title", "lines"} if name == "code" else set())]
    if unknown:
        raise fail(path, number, f"directive {name} has no option '{unknown[0]}'")
    return Directive(number, indent, name, words, options)


class Stage:
    """Writes the pages of both languages into `staging`/{fa,en}."""

    def __init__(self, root: Path, staging: Path, programs: Programs, reference: Reference | None = None):
        self.root = root
        self.site = root / "site"
        self.staging = staging
        self.programs = programs
        self.abbreviations = abbreviations.read(self.site / "abbreviations.tsv")
        self._behaviours: Behaviours | None = None
        self.reference = reference

    def write(self) -> None:
        problems: list[Problem] = []
        sources = {language: self._sources(language) for language in LANGUAGES}
        problems += twin_problems(self.root, sources)
        if self.reference:
            self._note_titles(sources)
        contents: dict[Path, bytes] = {}
        for language, files in sources.items():
            for name, source in files.items():
                try:
                    contents[self.staging / language / name] = self._render(language, source) if source.suffix == ".md" else source.read_bytes()
                except SiteError as error:
                    problems += error.problems
        if self.reference and not problems:  # after the pages: it tells which of them show what
            for language in LANGUAGES:
                for name, text in self.reference.pages(language).items():
                    if name in sources[language]:
                        problems.append(Problem(f"site/{language}/{name}", 0, "has the name of a generated page"))
                    contents[self.staging / language / name] = _isolated(language, text).encode()
        for target, content in contents.items():
            if not target.is_file() or target.read_bytes() != content:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        if not problems:
            for language in LANGUAGES:
                _remove_others(self.staging / language, set(contents))
        if problems:
            raise SiteError(sorted(set(problems)))

    def _sources(self, language: str) -> dict[str, Path]:
        top = self.site / language
        return {str(p.relative_to(top)): p for p in sorted(top.rglob("*")) if p.is_file() and not p.name.startswith(".")}

    def _note_titles(self, sources: dict[str, dict[str, Path]]) -> None:
        for name in sorted(set.intersection(*(set(files) for files in sources.values()))):
            if name.endswith(".md"):
                titles = {language: TITLE.search(files[name].read_text(encoding="utf-8")) for language, files in sources.items()}
                if all(titles.values()):
                    self.reference.note_title(name, {language: found.group(1).strip().strip("\"'") for language, found in titles.items()})

    def _render(self, language: str, source: Path) -> bytes:
        shown = str(source.relative_to(self.root))
        page = str(source.relative_to(self.site / language))
        text = source.read_text(encoding="utf-8")
        problems = page_problems(shown, text)
        if language == "fa":
            problems += persian.problems(shown, text)
        by_line = {d.number: d for d in directives(shown, text)}
        out = []
        for line in markdown.lines(text):
            directive = by_line.get(line.number)
            if directive:
                try:
                    out.append(textwrap.indent(self._expand(language, directive, page), directive.indent))
                except SiteError as error:
                    problems += [Problem(shown, directive.number, str(p)) for p in error.problems]
                continue
            row = line.text
            if line.kind == "prose" and self.reference:
                try:
                    row = self.reference.link_symbols(page, shown, line.number, row)
                except SiteError as error:
                    problems += error.problems
            out.append(markdown.map_prose(row, persian.isolate_latin) if language == "fa" and line.kind == "prose" else row)
        if problems:
            raise SiteError(problems)
        written = "\n".join(out)
        return (written + abbreviations.definitions(self.abbreviations, language, written)).encode()

    def _expand(self, language: str, directive: Directive, page: str) -> str:
        return getattr(self, f"_make_{directive.name}")(language, directive, page)

    def _make_code(self, _language: str, directive: Directive, page: str) -> str:
        options = dict(directive.options)
        name, *names = directive.words
        path = self.root / name
        if not path.is_file():
            raise fail(name, 0, "no such file")
        highlight = "cmake" if path.name == "CMakeLists.txt" else HIGHLIGHT.get(path.suffix, "text")
        title = options.get("title", name)
        header = highlight + (f' title="{title}"' if title else "")
        if options.get("lines"):
            header += f' hl_lines="{options["lines"]}"'
        body = "\n".join(regions.cut(path, region, name) for region in names or [""])
        for row in body.split("\n"):
            if len(row) > WIDEST_CODE:
                raise fail(name, 0, f"a line of {len(row)} columns is wider than a page, which shows {WIDEST_CODE}: {row.strip()}")
        if self.reference and highlight == "cpp":
            self.reference.note_code(page, body)
        return _fence(header, body)

    def _make_output(self, language: str, directive: Directive, _page: str) -> str:
        return _fence(f'{{ .text .nakh-output title="{LABELS[language]["output"]}" }}', self.programs.output(directive.words[0]))

    def _make_run(self, _language: str, directive: Directive, _page: str) -> str:
        binary, _ = self.programs.locate(directive.words[0])
        return _fence("sh", f"build/demo/{binary.relative_to(self.programs.build_dir)}\n")

    def _make_timeline(self, language: str, directive: Directive, _page: str) -> str:
        return self._from_trace(timeline.draw, language, directive)

    def _make_steps(self, language: str, directive: Directive, _page: str) -> str:
        return self._from_trace(stepping.render, language, directive)

    def _make_drawing(self, language: str, directive: Directive, _page: str) -> str:
        return drawings.draw(self.root, directive.words[0], language)

    def _from_trace(self, draw, language: str, directive: Directive) -> str:
        name, *wanted = directive.words
        found = self.programs.trace(name)
        return draw(language, name, found, trace.lanes(name, found, tuple(wanted)), f"nakh-{directive.name}-{directive.number}")

    def _make_measured(self, language: str, directive: Directive, _page: str) -> str:
        name, table = directive.words
        return _isolated(language, Measurements(self.root / name, name).table(table, language))

    def _make_plot(self, language: str, directive: Directive, _page: str) -> str:
        name, row = directive.words
        return Measurements(self.root / name, name).plot(row, language)

    def _make_semantics(self, language: str, directive: Directive, _page: str) -> str:
        known = self._behaviours = self._behaviours or Behaviours(self.root)
        which = {"summary": known.summary, "rows": known.table, "differences": known.differing}.get(directive.words[0])
        if which is None:
            raise fail("semantics", 0, f"is summary, differences or rows, not '{directive.words[0]}'")
        return _isolated(language, which(language))

    def _make_changelog(self, language: str, _directive: Directive, _page: str) -> str:
        return _isolated(language, _changelog((self.root / "CHANGELOG.md").read_text(encoding="utf-8"), language))

    def _make_headers(self, language: str, directive: Directive, page: str) -> str:
        return _isolated(language, self._require_reference(directive, page).header_list(language, page))

    def _make_symbols(self, language: str, directive: Directive, page: str) -> str:
        return _isolated(language, self._require_reference(directive, page).symbol_list(language, page))

    def _require_reference(self, directive: Directive, page: str) -> Reference:
        if not self.reference:
            raise fail(page, directive.number, "there is no reference to list")
        return self.reference


def _changelog(text: str, language: str) -> str:
    """Without its title; each heading with an id of its own. It is written in English."""
    release, out = "", []
    for row in text.split("\n")[1:]:
        heading = re.match(r"(#{2,3})\s+(.+)", row)
        if heading:
            own = re.sub(r"[^a-z0-9]+", "-", heading.group(2).lower()).strip("-")
            release = own if heading.group(1) == "##" else release
            row += f" {{#{own if heading.group(1) == '##' else f'{release}-{own}'}}}"
        out.append(row)
    body = "\n".join(out).strip("\n") + "\n"
    return f'<div dir="ltr" lang="en" markdown>\n\n{body}\n</div>\n' if language == "fa" else body


def _fence(header: str, body: str) -> str:
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", body)), default=0))
    return f"{ticks}{header}\n{body}{ticks}"


def _isolated(language: str, text: str) -> str:
    if language != "fa":
        return text
    return "\n".join(markdown.map_prose(line.text, persian.isolate_latin) if line.kind == "prose" else line.text for line in markdown.lines(text))


def _remove_others(top: Path, kept: set[Path]) -> None:
    for path in sorted(top.rglob("*"), reverse=True):
        if path.is_file() and path not in kept:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def page_problems(path: str, text: str) -> list[Problem]:
    """What is wrong with one page, whatever its language."""
    found = []
    if not re.match(r"---\n(?:.*\n)*?title: .+\n(?:.*\n)*?---\n", text):
        found.append(Problem(path, 1, "has no title in its front matter"))
    inside = False
    for line in markdown.lines(text):
        mark = markdown.FENCE.match(line.text) if line.kind == "code" else None
        if mark and not inside and line.text.strip().strip("`~").strip() not in ("sh", "text"):
            found.append(Problem(path, line.number, "pasted code; cut it from a tested file with {{ code FILE REGION }} (only sh and text may be written here)"))
        inside = line.kind == "code" and (not mark or not inside)
    seen: dict[str, int] = {}
    for heading in markdown.headings(text):
        if not heading.anchor:
            found.append(Problem(path, heading.number, "heading without an id; end it with {#latin-id}"))
        elif heading.anchor in seen:
            found.append(Problem(path, heading.number, f"id '{heading.anchor}' is taken by line {seen[heading.anchor]}"))
        seen.setdefault(heading.anchor, heading.number)
    return found


def twin_problems(root: Path, sources: dict[str, dict[str, Path]]) -> list[Problem]:
    """Pages without a twin, and twins that are not built alike."""
    found = []
    one, two = (sources[language] for language in LANGUAGES)
    for here, there, language in ((one, two, LANGUAGES[1]), (two, one, LANGUAGES[0])):
        for name in sorted(here):
            if name.endswith(".md") and name not in there:
                found.append(Problem(str(here[name].relative_to(root)), 0, f"has no twin site/{language}/{name}"))
    for name in sorted(one):
        if name.endswith(".md") and name in two:
            try:
                found += _difference(*(str(s[name].relative_to(root)) for s in (one, two)),
                                     *(s[name].read_text(encoding="utf-8") for s in (one, two)))
            except SiteError:
                pass  # a malformed directive: rendering reports it
    return found


def _difference(path: str, twin_path: str, text: str, twin_text: str) -> list[Problem]:
    found = []
    for what, mine, theirs in (
        ("heading", _heading_keys(text), _heading_keys(twin_text)),
        ("directive", _directive_keys(path, text), _directive_keys(twin_path, twin_text)),
        ("picture", _picture_keys(text), _picture_keys(twin_text)),
        ("tab", _tab_keys(text), _tab_keys(twin_text)),
    ):
        for i in range(max(len(mine), len(theirs))):
            a = mine[i] if i < len(mine) else (0, "nothing")
            b = theirs[i] if i < len(theirs) else (0, "nothing")
            if a[1] != b[1]:
                found.append(Problem(path, a[0], f"{what} {i + 1} is {a[1]}, but {b[1]} in {twin_path}" + (f":{b[0]}" if b[0] else "")))
                break
    return found


def _heading_keys(text: str) -> list[tuple[int, str]]:
    return [(h.number, f"{'#' * h.level} {{#{h.anchor}}}") for h in markdown.headings(text)]


def _directive_keys(path: str, text: str) -> list[tuple[int, str]]:
    return [(d.number, " ".join((d.name, *d.words))) for d in directives(path, text)]


def _picture_keys(text: str) -> list[tuple[int, str]]:
    return [(line.number, "a picture") for line in markdown.lines(text) if line.kind == "prose"
            for _ in re.finditer(r"!\[[^\]]*\]\(|<img\s|<svg\s", line.text)]


def _tab_keys(text: str) -> list[tuple[int, str]]:
    return [(line.number, "a tab") for line in markdown.lines(text) if line.kind == "prose" and re.match(r'\s*===\s*"', line.text)]
