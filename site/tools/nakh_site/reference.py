# SPDX-License-Identifier: BSL-1.0
"""The reference's pages: one a public header, made from the symbols, in both languages.

A page of the site links to a symbol or a header by its name in code, in brackets, with empty ones behind: [`nakh::gather`][],
[`nakh/task.hpp`][]; or with words of its own: [waiting for several][nakh::gather]. In the headers' comments a name in code is such a
link by itself.
"""
from __future__ import annotations

import difflib
import posixpath
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import doxygen, markdown, symbols
from .catalogue import CODE, Catalogue, Text
from .persian import digits
from .problem import Problem, SiteError, fail
from .symbols import Doc, Entry, Header

SETTINGS = "site/reference.toml"
SPAN_NAME = re.compile(r"`(~?[A-Za-z_][\w:]*)(?:\(\))?`")
SYMBOL_LINK = re.compile(r"\[(?P<code>`(?P<name>nakh(?:::|/)[^`]+)`)\]\[\]|\[(?P<words>[^\[\]]+)\]\[(?P<target>nakh(?:::|/)[^\]]+)\]")
WORDS = {
    "en": {"class": "class", "function": "function", "type": "type", "variable": "variable", "enum": "enumeration", "value": "value",
           "macro": "macro", "concept": "concept", "header": "header", "symbols": "symbols",
           "Parameters": "Parameters", "Throws": "Throws", "Suspends": "Suspends", "Thread safety": "Thread safety",
           "Complexity": "Complexity", "Source": "Source", "Shown in": "Shown in", "Inherits": "Inherits", "member": "Member", "what": "What",
           "value of": "Value", "defined": "In the source", "public": "Public symbols of {}: {}.", "none": "The public header {}.", "and more": "and more",
           "pending": "Waiting for a Persian translation: {} of this page's {} paragraphs. The Persian page shows them in English.",
           "comma": ", "},
    "fa": {"class": "کلاس", "function": "تابع", "type": "نوع", "variable": "متغیر", "enum": "نوع شمارشی", "value": "مقدار", "macro": "ماکرو",
           "concept": "مفهوم", "header": "سرآیند", "symbols": "نام‌ها",
           "Parameters": "پارامترها", "Throws": "خطاها", "Suspends": "تعلیق", "Thread safety": "ایمنی در رشته‌ها", "Complexity": "پیچیدگی",
           "Source": "برگرفته از", "Shown in": "در این صفحه‌ها", "Inherits": "ارث‌بر از", "member": "عضو", "what": "شرح", "value of": "مقدار",
           "defined": "در کد منبع", "public": "نام‌های همگانیِ {}: {}.", "none": "سرآیند همگانیِ {}.", "and more": "و جز این‌ها",
           "pending": "{} بند از {} بندِ این صفحه هنوز ترجمه نشده و به انگلیسی آمده است.", "comma": "، "},
}


@dataclass(frozen=True)
class Group:
    titles: dict[str, str]
    headers: list[str]

    @property
    def anchor(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.titles["en"].lower()).strip("-")


class Reference:
    def __init__(self, root: Path, xml: Path):
        settings = tomllib.loads((root / SETTINGS).read_text(encoding="utf-8"))
        self.root = root
        self.groups = [Group({"fa": g["fa"], "en": g["en"]}, g["headers"]) for g in settings["group"]]
        self.pending = set(settings["pending"])
        self.headers = symbols.Reader(xml).headers()
        self.catalogue: Catalogue | None = None
        self.is_strict = True  # what a page names must be there
        self.untranslated = 0  # paragraphs that are shown in English on Persian pages
        # Of a name in several headers the first in the navigation is meant.
        self._pages = {entry.name: (self.page_of(entry.header), entry) for header in reversed(self.ordered()) for entry in header.walk()}
        self._shown_in: dict[str, list[str]] = {}  # a symbol's name -> pages of the site
        self._titles: dict[str, dict[str, str]] = {}

    @staticmethod
    def load(root: Path, work: Path) -> Reference:
        """From the headers themselves; fails when something is wrong with them, the catalogue or the navigation."""
        made = Reference(root, doxygen.xml(root, work))
        found = symbols.problems(made.headers) + made._listing_problems() + made._nav_problems()
        made.catalogue = Catalogue(root)
        found += made.catalogue.problems(made.texts(), made.pending)
        made.is_strict = doxygen.is_checked()
        if found and made.is_strict:
            raise SiteError(found)
        if found:
            print(f"site: the reference may have gaps: Doxygen {doxygen.version()} reads the headers in another way than {doxygen.CHECKED} "
                  f"({len(found)} differences)", file=sys.stderr)
        return made

    # --- What there is ---

    def ordered(self) -> list[Header]:
        """The headers in the order of the navigation; those that it lacks come last."""
        names = [name for group in self.groups for name in group.headers if name in self.headers]
        return [self.headers[name] for name in [*names, *(n for n in sorted(self.headers) if n not in names)]]

    def entries(self) -> Iterator[Entry]:
        for header in self.headers.values():
            yield from header.walk()

    def texts(self) -> list[Text]:
        """Every paragraph, in the order of the pages."""
        found = []
        for header in self.ordered():
            found += [Text.of(t, header.name, header.name) for t in header.doc.texts()]
            for entry in header.walk():
                found += [Text.of(t, header.name, entry.name) for doc in entry.docs() for t in doc.texts()]
        return found

    @staticmethod
    def page_of(header: str) -> str:
        return f"reference/api/{header.removeprefix('nakh/').removesuffix('.hpp')}.md"

    def _listing_problems(self) -> list[Problem]:
        listed = [name for group in self.groups for name in group.headers]
        found = [Problem(SETTINGS, 0, f"lists {name}, which is no public header") for name in listed if name not in self.headers]
        found += [Problem(SETTINGS, 0, f"does not list include/{name}; put it into a group") for name in sorted(self.headers) if name not in listed]
        return found + [Problem(SETTINGS, 0, f"lists {name} twice") for name in sorted({n for n in listed if listed.count(n) > 1})]

    def nav(self, language: str) -> str:
        """The part of the navigation that the two settings files must hold."""
        rows = []
        for group in self.groups:
            rows.append(f"      - {group.titles[language]}:")
            rows += [f"          - {self.page_of(name)}" for name in group.headers]
        return "\n".join(rows) + "\n"

    def _nav_problems(self) -> list[Problem]:
        found = []
        for language, name in (("fa", "mkdocs.yml"), ("en", "mkdocs.en.yml")):
            if self.nav(language) not in (self.root / name).read_text(encoding="utf-8"):
                found.append(Problem(name, 0, f"its navigation does not list the headers as {SETTINGS} does; that is:\n{self.nav(language)}"))
        return found

    # --- Links ---

    def find(self, name: str) -> tuple[str, str] | None:
        """The page and the anchor of `nakh::task::uncancel` or of `nakh/task.hpp`."""
        if name in self.headers:
            return self.page_of(name), "header"
        if name in self._pages:
            page, entry = self._pages[name]
            return page, entry.anchor
        owner, _, last = name.rpartition("::")  # inherited
        if owner in self._pages:
            for base in self._pages[owner][1].bases:
                if found := self.find(f"{base}::{last}"):
                    return found
        return None

    def link_symbols(self, page: str, shown: str, number: int, row: str) -> str:
        """A line of a page with its links to symbols as links to the reference's pages. Fails for an unknown symbol."""
        def made(match: re.Match[str]) -> str:
            name = (match["name"] or match["target"]).removesuffix("()")
            found = self.find(name)
            if not found and not self.is_strict:
                return match["code"] or match["words"]
            if not found:
                near = difflib.get_close_matches(name, [*self._pages, *self.headers], 3, 0.6)
                raise fail(shown, number, f"no public symbol or header is called {name}" + (f"; there is {', '.join(near)}" if near else ""))
            self._show(name, page)
            return f"[{match['code'] or match['words']}]({_relative(page, *found)})"
        return SYMBOL_LINK.sub(made, row)

    def note_code(self, page: str, code: str) -> None:
        """Every symbol that a piece of code on a page names is shown there."""
        for name in dict.fromkeys(re.findall(r"\bnakh(?:::\w+)+", code)):
            while name != "nakh" and name not in self._pages:
                name = name.rpartition("::")[0]
            if name != "nakh":
                self._show(name, page)

    def note_title(self, page: str, title: dict[str, str]) -> None:
        self._titles[page] = title

    def _show(self, name: str, page: str) -> None:
        pages = self._shown_in.setdefault(name, [])
        if page not in pages and not page.startswith("reference/"):
            pages.append(page)

    def _resolve(self, name: str, entry: Entry | None) -> tuple[str, str] | None:
        """What a name in a comment of `entry` means, from the inside out."""
        scope = entry.name if entry else "nakh"
        if entry and any(name in d.parameters for d in entry.declarations):
            return None
        while scope:
            found = self.find(f"{scope}::{name}")
            if found and not self._is_constructor(f"{scope}::{name}"):
                return found
            scope = scope.rpartition("::")[0]
        return self.find(name)

    def _is_constructor(self, name: str) -> bool:
        """Also an inherited one: inside a class its own name, and its base's, mean the classes."""
        entry = self._pages.get(name.rpartition("::")[0], (None, None))[1]
        last = symbols.last_of(name)
        return entry is not None and last in (entry.last, *(symbols.last_of(base) for base in entry.bases))

    # --- Pages ---

    def pages(self, language: str) -> dict[str, str]:
        self.untranslated = 0 if language == "fa" else self.untranslated
        return {self.page_of(header.name): _Page(self, language, header).text() for header in self.ordered()}

    def header_list(self, language: str, page: str) -> str:
        """For the directive `headers`: each group with its headers and their symbols."""
        words, out = WORDS[language], []
        for group in self.groups:
            out += [f"## {group.titles[language]} {{#{group.anchor}}}", "", f"| {words['header']} | {words['symbols']} |", "|---|---|"]
            for name in group.headers:
                links = [f"[`{e.short}`]({_relative(page, self.page_of(name), e.anchor)})" for e in self.headers[name].entries]
                out.append(f"| [`{name}`]({_relative(page, self.page_of(name))}) | {words['comma'].join(links)} |")
            out.append("")
        return "\n".join(out)

    def symbol_list(self, language: str, page: str) -> str:
        """For the directive `symbols`: all of them, by their own names."""
        words, out, letter = WORDS[language], [], ""
        for entry in sorted(self.entries(), key=lambda e: (_key(e.last), e.name)):
            if entry.kind == "function" and entry.last.lstrip("~") == symbols.last_of(entry.name.rpartition("::")[0]):
                continue  # constructors and destructors are found with their class
            first = _key(entry.last)[0].upper()
            first = first if first.isalpha() else "#"
            if first != letter:
                letter = first
                out += ["", f"## {letter if letter != '#' else 'operator'} {{#{letter.lower() if letter != '#' else 'operators'}}}", ""]
            header = f"[`{entry.header}`]({_relative(page, self.page_of(entry.header))})"
            out.append(f"- [`{entry.short}`]({_relative(page, self.page_of(entry.header), entry.anchor)}): {words[entry.kind]}{words['comma']}{header}")
        return "\n".join(out).strip("\n") + "\n"


def _key(last: str) -> str:
    return re.sub(r"^operator\b", "#", last).lower().lstrip("~_")


def _relative(page: str, target: str, anchor: str = "") -> str:
    address = "" if target == page else posixpath.relpath(target, posixpath.dirname(page))
    return f"{address}#{anchor}" if anchor else address


class _Page:
    """One header's page in one language."""

    def __init__(self, reference: Reference, language: str, header: Header):
        self.reference, self.language, self.header = reference, language, header
        self.words = WORDS[language]
        self.page = reference.page_of(header.name)
        self.out: list[str] = []

    def text(self) -> str:
        header, words = self.header, self.words
        names = [e.last for e in header.entries]
        listed = words["comma"].join(names[:8]) + (f"{words['comma']}{words['and more']}" if len(names) > 8 else "")
        description = words["public"].format(header.name, listed) if names else words["none"].format(header.name)
        self.out += ["---", f"title: {header.name}", f"description: {_yaml(description)}", "---", "",
                     f"# `{header.name}` {{#header}}", ""]
        self._pending()
        self._doc(header.doc, None)
        self.out += ["```cpp", f"#include <{header.name}>", "```", "", f"{words['defined']}: {self._source(0)}", ""]
        for entry in header.entries:
            self._entry(entry, 2)
        return "\n".join(self.out)

    def _pending(self) -> None:
        if self.header.name not in self.reference.pending:
            return
        texts = [t for t in self.reference.texts() if t.header == self.header.name]
        lacking = [t for t in texts if not self.reference.catalogue.translation(t)]
        if self.language == "fa":
            self.reference.untranslated += len(lacking)
        if lacking:
            said = self.words["pending"].format(len(lacking), len(texts))
            self.out += ["!!! warning \"\"", "", f"    {digits(self.language, said)}", ""]

    def _entry(self, entry: Entry, level: int) -> None:
        name = entry.short if level == 2 or entry.kind == "class" else "::".join(entry.short.split("::")[-2:])
        self.out += [f"{'#' * level} `{name}` {{#{entry.anchor}}}", ""]
        rows: list[str] = []
        open_doc = None
        for declaration in entry.declarations:
            if declaration.doc and rows:
                self._variant(rows, open_doc, entry)
                rows = []
            open_doc = declaration.doc or (open_doc if rows else None)
            rows.append(declaration.signature)
        self._variant(rows, open_doc, entry)
        self._facts([(self.words["Inherits"], [self._base(name) for name in entry.bases])])
        self._facts([(self.words["Shown in"], [self._site_page(p) for p in self.reference._shown_in.get(entry.name, [])])])
        self.out += [f"{self.words[entry.kind][:1].upper()}{self.words[entry.kind][1:]}{self.words['comma']}{self._source(entry.line)}", "{ .nakh-where }", ""]
        rows_of_table = [m for m in entry.members if m.kind in ("variable", "value")]
        if rows_of_table:
            self.out += [f"| {self.words['value of' if entry.kind == 'enum' else 'member']} | {self.words['what']} |", "|---|---|"]
            self.out += [self._row(member) for member in rows_of_table] + [""]
        for member in entry.members:
            if member not in rows_of_table:
                self._entry(member, min(level + 1, 6))

    def _row(self, member: Entry) -> str:
        said = [self._prose(text, member) for doc in member.docs() for text in doc.texts()]
        code = member.declarations[0].signature.removesuffix(";").replace("|", "&#124;")
        return f"| <span id=\"{member.anchor}\"></span>`{code}` | {' '.join(said)} |"

    def _variant(self, rows: list[str], doc: Doc | None, entry: Entry) -> None:
        apart = "\n\n" if any("\n" in row for row in rows) else "\n"
        self.out += ["```cpp", apart.join(rows), "```", ""]
        if doc:
            self._doc(doc, entry)

    def _doc(self, doc: Doc, entry: Entry | None) -> None:
        last = ""
        for block in doc.blocks:
            if last == "item" and block.kind != "item":
                self.out.append("")
            if block.kind == "code":
                self.out += ["```cpp", block.text.rstrip("\n"), "```", ""]
            elif block.kind == "item":
                self.out.append(f"- {self._prose(block.text, entry, heads_item=True)}")
            else:
                self.out += [self._prose(block.text, entry), ""]
            last = block.kind
        if last == "item":
            self.out.append("")
        self._facts([
            (self.words["Parameters"], [f"`{name}`: {self._prose(text, entry)}" for name, text in doc.params]),
            (self.words["Throws"], [self._thrown(name, text, entry) for name, text in doc.throws]),
            *((self.words[fact], [self._prose(doc.facts[fact], entry)]) for fact in symbols.FACTS if fact in doc.facts),
        ])

    def _thrown(self, name: str, text: str, entry: Entry | None) -> str:
        if not name:
            return self._prose(text, entry)
        types = self.words["comma"].join(self._code_link(part, entry) for part in name.split(", "))
        return f"{types}: {self._prose(text, entry)}" if text else types

    def _facts(self, facts: list[tuple[str, list[str]]]) -> None:
        for term, values in facts:
            if len(values) == 1:
                self.out += [term, f":   {values[0]}", ""]
            elif values:
                self.out += [term, ":   - " + "\n    - ".join(values), ""]

    # --- Pieces ---

    def _prose(self, text: str, entry: Entry | None, heads_item: bool = False) -> str:
        said, is_english = text, self.language == "en"
        if not is_english:
            said = self.reference.catalogue.translation(text)
            if not said:
                said, is_english = text, True
            elif said == text:  # a name of Python's: a full stop behind it would be shown in front
                said = said.removesuffix(".")
        out, at = [], 0
        for match in CODE.finditer(said):
            defined = heads_item and match.start() == 0  # `wait`: what the item itself is about
            out += [_escaped(said[at : match.start()]), match.group() if defined else self._linked(match.group(), entry)]
            at = match.end()
        row = "".join([*out, _escaped(said[at:])])
        return f'<span lang="en" dir="ltr">{row}</span>' if is_english and self.language == "fa" else row

    def _linked(self, span: str, entry: Entry | None) -> str:
        match = SPAN_NAME.fullmatch(span)
        if span.strip("`") in self.reference.headers:
            found = self.reference.find(span.strip("`"))
        else:
            found = self.reference._resolve(match.group(1), entry) if match else None
        here = (self.page, entry.anchor if entry else "header")
        return f"[{span}]({_relative(self.page, *found)})" if found and found != here else span

    def _code_link(self, name: str, entry: Entry | None) -> str:
        return self._linked(f"`{name.removeprefix('nakh::')}`", entry)

    def _base(self, name: str) -> str:
        found = self.reference.find(name)
        span = f"`{name.removeprefix('nakh::')}`"
        return f"[{span}]({_relative(self.page, *found)})" if found else span

    def _site_page(self, page: str) -> str:
        return f"[{self.reference._titles[page][self.language]}]({_relative(self.page, page)})"

    def _source(self, line: int) -> str:
        up = "../" * (self.page.count("/") + (self.language == "en"))
        place = f"include/{self.header.name}" + (f":{line}" if line else "")
        return f'<a href="{up}doxygen/{self.header.source_page}{f"#l{line:05}" if line else ""}"><code>{place}</code></a>'


def _escaped(text: str) -> str:
    return re.sub(r"([\\*_\[\]{}])", r"\\\1", text).replace("<", "&lt;").replace("|", "&#124;")


def _yaml(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
