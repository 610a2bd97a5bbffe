# SPDX-License-Identifier: BSL-1.0
"""Tells prose from code in a Markdown file, line by line.

This is no Markdown parser. It knows what the site's own pages use: fences, code spans, links, attribute lists, HTML tags and
front matter.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*$")
HEADING_ID = re.compile(r"\{[^}]*#([A-Za-z0-9_.:-]+)[^}]*\}\s*$")
FRONT_MATTER_PROSE = ("title:", "description:")

# Everything inside a prose line that is not prose: code spans, HTML comments and tags, link targets, attribute lists,
# bare addresses, keyboard keys.
NOT_PROSE = re.compile(
    r"""
    (?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)   # `code`
  | <!--.*?-->
  | <(?:https?|mailto):[^>]*>
  | </?[A-Za-z][^>]*>                            # <div class="x">
  | \]\([^)]*\)                                  # ](target)
  | ^\s*\[[^\]]+\]:\s+\S+.*$                     # [name]: target
  | \{[:#.][^}]*\}                               # {: .class}  {#id}
  | \{\{.*?\}\}                                  # a directive
  | https?://\S+
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Line:
    number: int
    text: str
    kind: str  # "prose", "code", "front" (front matter other than title and description)


def lines(text: str) -> Iterator[Line]:
    """Yields every line with what it is."""
    fence = ""
    rows = text.split("\n")
    in_front = bool(rows) and rows[0] == "---"
    for number, row in enumerate(rows, 1):
        if in_front:
            yield Line(number, row, "prose" if row.startswith(FRONT_MATTER_PROSE) else "front")
            in_front = number == 1 or row != "---"
            continue
        mark = FENCE.match(row)
        if fence:
            yield Line(number, row, "code")
            if mark and row.strip().startswith(fence) and not row.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark.group(1)
            yield Line(number, row, "code")
        else:
            yield Line(number, row, "prose")


def map_prose(row: str, change: Callable[[str], str]) -> str:
    """`row` with `change` applied to its prose, its code left as it is."""
    out, at = [], 0
    for match in NOT_PROSE.finditer(row):
        out += [change(row[at : match.start()]), match.group()]
        at = match.end()
    out.append(change(row[at:]))
    return "".join(out)


def prose_of(row: str) -> str:
    """`row` with everything that is not prose blanked out, columns kept."""
    return NOT_PROSE.sub(lambda m: " " * len(m.group()), row)


@dataclass(frozen=True)
class Heading:
    number: int
    level: int
    anchor: str  # "" when it has no explicit id


def headings(text: str) -> list[Heading]:
    found = []
    for line in lines(text):
        match = HEADING.match(line.text) if line.kind == "prose" else None
        if match:
            anchor = HEADING_ID.search(match.group(2))
            found.append(Heading(line.number, len(match.group(1)), anchor.group(1) if anchor else ""))
    return found
