# SPDX-License-Identifier: BSL-1.0
"""The public symbols, read from Doxygen's XML, and what their documentation lacks.

Texts are as the header has them, code in backticks, each paragraph in one line: what the catalogue translates. A symbol whose text
begins with "For the library" is the library's own and is left out. Functions of one name that follow one another are one entry; one
without a text goes by the text above it.
"""
from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .problem import Problem, SiteError, fail

FACTS = ("Suspends", "Thread safety", "Complexity", "Source")
NOT_PUBLIC = "For the library"
CONVENTIONAL = {"value_type", "difference_type", "reference", "iterator_concept", "promise_type", "rep", "period", "is_steady", "end",
                "default_completion_token_type"}
TWINS = ("nakh::stackless::", "nakh::boost_fiber::")  # their functions are said to be as others
OPERATORS = {"()": "call", "*": "star", "->": "arrow", "++": "increment", "|": "or", "=": "assign", "==": "equal", "<<": "shift", "[]": "at"}


@dataclass
class Block:
    kind: str  # "text", "item" (of a list), "code"
    text: str


@dataclass
class Doc:
    blocks: list[Block] = field(default_factory=list)
    params: list[tuple[str, str]] = field(default_factory=list)
    throws: list[tuple[str, str]] = field(default_factory=list)  # the type ("" when there is none to name), when
    facts: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.blocks)

    def texts(self) -> Iterator[str]:
        """Every text, in order, in the order in which a page shows it."""
        yield from (b.text for b in self.blocks if b.kind != "code")
        yield from (text for _, text in self.params if text)
        yield from (text for _, text in self.throws if text)
        yield from (self.facts[fact] for fact in FACTS if fact in self.facts)


@dataclass
class Declaration:
    """One declaration: of an overload its signature and its own text, if it has one."""

    kind: str
    name: str  # "nakh::task::uncancel"
    header: str  # "nakh/task.hpp"
    line: int
    signature: str
    doc: Doc
    parameters: list[str] = field(default_factory=list)  # their names


@dataclass
class Entry:
    """What has a heading, or for members without code a row, of its own: a class, or functions of one name, or another symbol."""

    kind: str  # class, function, constructor, type, variable, enum, value, macro, concept
    name: str
    header: str
    line: int
    declarations: list[Declaration]
    members: list[Entry] = field(default_factory=list)
    bases: list[str] = field(default_factory=list)
    is_plain: bool = False  # a struct of data

    @property
    def short(self) -> str:
        return self.name.removeprefix("nakh::")

    @property
    def last(self) -> str:
        return last_of(self.name)

    @property
    def anchor(self) -> str:
        return anchor_of(self.short)

    def docs(self) -> list[Doc]:
        return [d.doc for d in self.declarations if d.doc]

    def walk(self) -> Iterator[Entry]:
        yield self
        for member in self.members:
            yield from member.walk()


@dataclass
class Header:
    name: str  # "nakh/task.hpp"
    doc: Doc
    source_page: str  # of Doxygen's: "task_8hpp_source.html"
    entries: list[Entry] = field(default_factory=list)

    def walk(self) -> Iterator[Entry]:
        for entry in self.entries:
            yield from entry.walk()


def last_of(name: str) -> str:
    """`a::b<c::d>::e` -> `e`."""
    return re.split(r"::(?![^<(]*[>)])", name)[-1]


def anchor_of(short: str) -> str:
    parts = []
    for part in re.split(r"::", short):
        operator = re.fullmatch(r"operator\s*(\W+)", part)
        if operator:
            part = f"operator-{OPERATORS.get(operator.group(1), 'x')}"
        parts.append(re.sub(r"[^A-Za-z0-9_]+", "-", part.replace("~", "destroy ")).strip("-"))
    return "-".join(parts)


class Reader:
    """Reads the whole of one XML folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.problems: list[Problem] = []
        self.where = ("", 0)

    def headers(self) -> dict[str, Header]:
        compounds = [ET.parse(self.folder / f"{c.get('refid')}.xml").getroot().find("compounddef")
                     for c in ET.parse(self.folder / "index.xml").getroot().findall("compound")]
        headers: dict[str, Header] = {}
        found: list[tuple[Entry, str]] = []  # with the scope that it is a member of
        for compound in compounds:
            kind, name = compound.get("kind"), _flat(compound.findtext("compoundname"))
            if kind == "file":
                self._place(compound)
                path = compound.find("location").get("file")
                headers[path] = Header(path, self._doc(compound), f"{compound.get('id')}_source.html")
                found += [(entry, "") for entry in self._members(compound, "", macros=True)]
            elif kind == "namespace" and (name == "nakh" or name.startswith("nakh::")):
                self._place(compound)
                if self._doc(compound):
                    self.problems.append(Problem(*self.where, f"namespace {name} is documented; say it of the header: @file"))
                found += [(entry, name) for entry in self._members(compound, name)]
            elif kind in ("class", "struct", "union", "concept") and name.startswith("nakh::") and compound.get("prot", "public") == "public":
                entry = self._class(compound, name)
                found.append((entry, name.rpartition("::")[0]))
        if self.problems:
            raise SiteError(sorted(set(self.problems)))
        return _assemble(headers, found)

    def _place(self, element: ET.Element) -> None:
        location = element.find("location")
        if location is not None:
            file, line = location.get("declfile") or location.get("file"), location.get("declline") or location.get("line") or 0
            self.where = (f"include/{file}", int(line))

    def _class(self, compound: ET.Element, name: str) -> Entry:
        self._place(compound)
        path, line = self.where
        doc = self._doc(compound)
        kind = compound.get("kind")
        bases = [base for b in compound.findall("basecompoundref") if b.get("prot") == "public" and "detail" not in (base := _bare(b.text))]
        members = [] if kind == "concept" else self._members(compound, name)
        functions = [m for m in members if m.kind == "function"]
        what = _template(compound)
        if kind == "concept":
            what += _code(compound.findtext("initializer") or f"concept {last_of(name)}") + ";"
        else:
            what += f"{kind} {last_of(name)}" + (" : " + ", ".join(f"public {b.removeprefix('nakh::')}" for b in bases) if bases else "") + ";"
        entry = Entry("concept" if kind == "concept" else "class", name, path.removeprefix("include/"), line,
                      [Declaration("class", name, path.removeprefix("include/"), line, what, doc)], members, bases)
        entry.is_plain = kind == "struct" and not functions and not bases
        return entry

    def _members(self, compound: ET.Element, scope: str, macros: bool = False) -> list[Entry]:
        entries: list[Entry] = []
        declared = [m for section in compound.findall("sectiondef") for m in section.findall("memberdef")
                    if m.get("prot", "public") == "public" and (m.get("kind") == "define") == macros]
        def place(m: ET.Element) -> tuple[str, int]:
            self._place(m)
            return self.where
        declared.sort(key=place)
        open_entry: Entry | None = None
        for m in declared:
            self._place(m)
            path, line = self.where
            header = path.removeprefix("include/")
            last = _flat(m.findtext("name"))
            name = f"{scope}::{last}" if scope else last
            kind = {"function": "function", "friend": "function", "typedef": "type", "variable": "variable", "enum": "enum",
                    "define": "macro"}.get(m.get("kind"))
            if kind is None or _is_unsaid(m, last, scope):
                continue
            declaration = Declaration(kind, name, header, line, _for_users(_signature(m, kind, last)), self._doc(m),
                                      [p.text for p in m.findall("param/declname") if p.text])
            if open_entry and kind == "function" and (open_entry.kind, open_entry.name, open_entry.header) == (kind, name, header):
                open_entry.declarations.append(declaration)
                continue
            open_entry = Entry(kind, name, header, line, [declaration])
            entries.append(open_entry)
            for value in m.findall("enumvalue"):
                said = f"{value.findtext('name')}{' ' + _code(value.findtext('initializer') or '') if value.find('initializer') is not None else ''}"
                full = f"{name}::{value.findtext('name')}"
                open_entry.members.append(Entry("value", full, header, line, [Declaration("value", full, header, line, said, self._doc(value))]))
        return _joined(entries)

    # --- Texts ---

    def _doc(self, element: ET.Element) -> Doc:
        doc = Doc()
        for part in ("briefdescription", "detaileddescription"):
            for child in element.findall(part):
                for para in child:
                    self._blocks(para, doc)
        return doc

    def _blocks(self, para: ET.Element, doc: Doc) -> None:
        if para.tag != "para":
            raise fail(*self.where, f"uses <{para.tag}> in a comment, which the reference does not know")
        text = para.text or ""

        def flush() -> None:
            nonlocal text
            if text.strip():
                doc.blocks.append(Block("text", _one_line(text)))
            text = ""

        for child in para:
            if child.tag == "parameterlist":
                flush()
                for item in child.findall("parameteritem"):
                    names = ", ".join(_one_line("".join(n.itertext())) for n in item.iter("parametername"))
                    said = _one_line(" ".join(self._inline(p) for p in item.find("parameterdescription")))
                    if child.get("kind") == "param":
                        doc.params.append((names, said))
                    elif names in ("whatever", "as"):
                        doc.throws.append(("", f"{names} {said}"))
                    else:  # Doxygen takes the first of `@throws one_error, other_error  when` for the name
                        more, said = re.match(r"((?:[\w:]+, )*[\w:]+ ?|)(.*)", said).groups() if names.endswith(",") else ("", said)
                        doc.throws.append((f"{names} {more}".strip(), said))
            elif child.tag == "simplesect" and child.get("kind") == "par":
                flush()
                title = _one_line(child.findtext("title") or "")
                if title not in FACTS:
                    raise fail(*self.where, f"@par {title}: there are {', '.join(FACTS)}")
                if title in doc.facts:
                    self.problems.append(Problem(*self.where, f"@par {title} is there twice"))
                for inner in child.findall("para"):  # a @snippet behind it
                    for listing in inner.findall("programlisting"):
                        doc.blocks.append(_listed(listing))
                        inner.remove(listing)
                doc.facts[title] = _one_line(" ".join(self._inline(p) for p in child.findall("para")))
            elif child.tag == "itemizedlist":
                flush()
                doc.blocks += [Block("item", _one_line(" ".join(self._inline(p) for p in item.findall("para")))) for item in child.findall("listitem")]
            elif child.tag == "programlisting":
                flush()
                doc.blocks.append(_listed(child))
            else:
                text += self._inline(child)
            text += child.tail or ""
        flush()

    def _inline(self, element: ET.Element) -> str:
        inner = (element.text or "") + "".join(self._inline(c) + (c.tail or "") for c in element)
        if element.tag == "computeroutput":
            return f"`{inner}`"
        if element.tag in ("ref", "para"):
            return inner
        signs = {"sp": " ", "ndash": "–", "mdash": "—", "nonbreakablespace": " ", "linebreak": " "}
        if element.tag in signs:
            return signs[element.tag]
        raise fail(*self.where, f"uses <{element.tag}> in a comment, which the reference does not know")


def _listed(listing: ET.Element) -> Block:
    def pieces(element: ET.Element) -> Iterator[str]:
        yield " " if element.tag == "sp" else element.text or ""
        for child in element:
            yield from pieces(child)
            yield child.tail or ""

    rows = ["".join(pieces(line)) for line in listing.findall("codeline")]
    return Block("code", "\n".join(rows).strip("\n") + "\n")


def _bare(name: str | None) -> str:
    """A class template's name without its arguments."""
    return _flat(name).partition("<")[0]


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _flat(text: str | None) -> str:
    return _code(_one_line(text or ""))


def _code(text: str) -> str:
    """A piece of C++ as the house writes it, not as Doxygen spaces it."""
    text = _one_line(text)
    text = re.sub(r"<\s+", "<", text)
    text = re.sub(r"\s+>(?!=)", ">", text)
    text = re.sub(r"\s+(&&|&|\*)(?=[\s,)>.\w]|$)(?!\s+\S+\s*(?:\|\||==))", r"\1", text) if "requires" not in text else text
    text = re.sub(r"([&*])(?=\w)", r"\1 ", text) if "requires" not in text and "::*" not in text else text
    text = re.sub(r"=(default|delete)$", r"= \1", text)
    return re.sub(r"(?<=[\w>)])=(?=[\w\"{])", " = ", text)


def _template(element: ET.Element) -> str:
    parameters = element.find("templateparamlist")
    if parameters is None:
        return ""
    said = []
    for p in parameters.findall("param"):
        kind, name, default = _type(p.find("type")), p.findtext("declname") or "", p.find("defval")
        said.append(_code(f"{kind} {name}".strip()) + (f" = {_type(default)}" if default is not None else ""))
    clause = element.findtext("requiresclause")
    return f"template <{', '.join(said)}>\n" + (f"  requires {_one_line(clause)}\n" if clause else "")


def _type(element: ET.Element | None) -> str:
    return "" if element is None else _code("".join(element.itertext()))


def _signature(m: ET.Element, kind: str, last: str) -> str:
    if kind == "macro":
        names = [p.findtext("defname") or "" for p in m.findall("param")]
        return f"#define {last}" + (f"({', '.join(names)})" if names else "") + (f" {_one_line(m.findtext('initializer') or '')}")
    if kind == "enum":
        return f"enum {'class ' if m.get('strong') == 'yes' else ''}{last}" + (f" : {_type(m.find('type'))}" if m.find("type") is not None and _type(m.find("type")) else "") + ";"
    if kind == "type":
        return f"{_template(m)}using {last} = {_type(m.find('type'))};"
    before = "".join(word + " " for word, said in (("static", m.get("static")), ("explicit", m.get("explicit")), ("virtual", m.get("virt") == "virtual" and "yes"))
                     if said == "yes")
    result = _type(m.find("type"))
    if kind == "variable":
        default = m.find("initializer")
        said = _type(default) if default is not None else ""
        return f"{_template(m)}{before}{result} {last}" + (said if said.startswith("{") and said != "{}" else f" {said}" if said and said != "{}" else "") + ";"
    if m.get("kind") == "friend" and "friend" not in result:
        before = "friend " + before
    parameters = []
    for p in m.findall("param"):
        default = p.find("defval")
        parameters.append(" ".join(x for x in (_type(p.find("type")), p.findtext("declname") or "") if x)
                          + (p.findtext("array") or "") + (f" = {_type(default)}" if default is not None else ""))
    arguments = _one_line(m.findtext("argsstring") or "")
    tail = _code(arguments[_closing(arguments) + 1 :])
    head = f"{before}{result} {last}".strip() if result else f"{before}{last}".strip()
    row = f"{head}({', '.join(parameters)}){' ' + tail if tail else ''};"
    if len(row) > 96 and parameters:
        row = f"{head}(\n    " + ",\n    ".join(parameters) + f"){' ' + tail if tail else ''};"
    return _template(m) + row


def _for_users(signature: str) -> str:
    """Without the library's own names, which say nothing to a reader."""
    signature = re.sub(r"(?:nakh::)?detail::task_result<(\w+)>", r"std::invoke_result_t<\1>", signature)
    signature = re.sub(r"detail::stored<(\w+)>", r"\1", signature).replace("detail::sent_to_generator<Input>", "Input")
    signature = re.sub(r"= detail::\w+<\w+>;", "= /* see the text */;", signature)
    signature = re.sub(r"detail::\w+(?:_awaiter|_then)\b(?:<[^()]*>)?(?= (?:\w+\(|operator))", "auto", signature)
    return re.sub(r"(?:nakh::)?detail::", "", signature)


def _closing(arguments: str) -> int:
    depth = 0
    for i, c in enumerate(arguments):
        depth += (c == "(") - (c == ")")
        if c == ")" and depth == 0:
            return i
    return len(arguments) - 1


def _is_unsaid(m: ET.Element, last: str, scope: str) -> bool:
    """What every reader of C++ knows unless the header says something of it: copies, moves, destructors, comparisons, what is deleted,
    the types that the standard library asks for by name, the ways of an iterator."""
    said = any("".join(d.itertext()).strip() for d in m.findall("briefdescription") + m.findall("detaileddescription"))
    arguments = _one_line(m.findtext("argsstring") or "")
    if not said and m.get("kind") != "define" and (last in CONVENTIONAL or last_of(scope) == "iterator"):
        return True
    if said or m.get("kind") not in ("function", "friend"):
        return m.get("kind") == "friend" and not arguments  # friend class X
    own = last_of(scope).split("<")[0]
    types = [_type(p.find("type")) for p in m.findall("param")]
    copies = len(types) == 1 and re.fullmatch(rf"(const )?{re.escape(own)}(<.*>)?\s?&&?", types[0]) is not None
    return (last in ("operator==", "operator!=", "operator<=>") or last.startswith("~") or arguments.endswith("=delete")
            or (last in (own, "operator=") and (copies or not types)))


def _joined(entries: list[Entry]) -> list[Entry]:
    """Entries of one name in one header as one, at the place of the first."""
    kept: dict[tuple[str, str, str], Entry] = {}
    for entry in entries:
        first = kept.setdefault((entry.kind, entry.name, entry.header), entry)
        if first is not entry:
            first.declarations += entry.declarations
            first.members += entry.members
    return list(kept.values())


def _assemble(headers: dict[str, Header], found: list[tuple[Entry, str]]) -> dict[str, Header]:
    classes = {entry.name: entry for entry, _ in found if entry.kind == "class"}
    shown = {name for name, entry in classes.items() if not _is_own(entry)}
    def is_shown(entry: Entry, scope: str) -> bool:
        return not _is_own(entry) and (scope not in classes or scope in shown)
    for entry, scope in found:
        entry.members = [m for m in entry.members if not _is_own(m)]
        if not is_shown(entry, scope):
            continue
        if scope in classes and classes[scope].header == entry.header:
            classes[scope].members.append(entry)
        elif entry.header in headers:
            headers[entry.header].entries.append(entry)
    for header in headers.values():
        header.entries.sort(key=lambda e: e.line)
        for entry in header.walk():
            entry.declarations = _of_users(entry.declarations) or entry.declarations
            if entry.kind == "class":
                entry.members.sort(key=lambda m: m.line)
    return headers


def _of_users(declarations: list[Declaration]) -> list[Declaration]:
    """Those that are not the library's own; one without a text goes by the text above it in this too."""
    kept, own = [], False
    for declaration in declarations:
        own = _starts_own(declaration.doc) if declaration.doc else own
        if not own:
            kept.append(declaration)
    return kept


def _starts_own(doc: Doc) -> bool:
    return bool(doc.blocks) and doc.blocks[0].text.startswith(NOT_PUBLIC)


def _is_own(entry: Entry) -> bool:
    return not _of_users(entry.declarations)


# --- What is missing ---


def problems(headers: dict[str, Header]) -> list[Problem]:
    """What the house's style asks of a public header's comments, and these lack; as far as a program can tell."""
    found: list[Problem] = []
    classes = {e.name: e for header in headers.values() for e in header.walk() if e.kind == "class"}
    for header in headers.values():
        for entry in header.entries:
            found += _problems(entry, header, None, classes)
    return sorted(found)


def _problems(entry: Entry, header: Header, owner: Entry | None, classes: dict[str, Entry]) -> Iterator[Problem]:
    path = f"include/{entry.header}"
    first = entry.declarations[0]
    if not first.doc and not (entry.kind in ("value", "class") and (entry.kind == "value" or entry.last == "iterator") and owner and owner.docs()):
        yield Problem(path, entry.line, f"{entry.name} is not documented")
    facts = _facts(entry)
    if owner is None or entry.kind == "class":
        inherited = set(header.doc.facts) | (_facts(owner) if owner else set())
        for base in entry.bases:
            inherited |= _facts(classes[base]) if base in classes else set()
        functions = [m for m in entry.members if m.kind == "function"]
        if functions and all("Thread safety" in _facts(m) for m in functions):
            inherited.add("Thread safety")
        works = entry.kind == "function" or (entry.kind == "class" and not entry.is_plain and not is_error(entry))
        if works and "Thread safety" not in facts | inherited:
            yield Problem(path, entry.line, f"{entry.name} lacks `@par Thread safety`; say it there, or of the header in a comment with @file")
    if owner is None and entry.kind in ("class", "function") and not entry.is_plain and stems_from_asyncio(entry.name) \
            and not entry.name.startswith(TWINS):
        if "Source" not in facts | set(header.doc.facts):
            yield Problem(path, entry.line, f"{entry.name} lacks `@par Source`; asyncio has one of that name")
    for member in entry.members:
        yield from _problems(member, header, entry, classes)


def _facts(entry: Entry) -> set[str]:
    return {fact for doc in entry.docs() for fact in doc.facts}


def is_error(entry: Entry) -> bool:
    """Whether a class is thrown: such a one belongs to no thread."""
    return any(re.match(r"std::\w*(error|exception)", base) or base.endswith(("_error", "_failed")) for base in entry.bases) or entry.last in (
        "cancelled_error", "generator_exit", "keyboard_interrupt", "system_exit", "fatal_error")


def stems_from_asyncio(name: str) -> bool:
    return last_of(name).replace("_", "").lower() in _ASYNCIO


_ASYNCIO = {name.replace("_", "").lower() for name in asyncio.__all__}
