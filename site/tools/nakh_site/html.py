# SPDX-License-Identifier: BSL-1.0
"""Checks of the built pages: every link and anchor resolves, nothing is fetched from another host, every page leads to its twin."""
from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from .problem import Problem

# What a browser fetches by itself: tag -> attributes. A plain <a href> is followed only by a reader.
FETCHED = {
    "script": ("src",), "img": ("src", "srcset"), "source": ("src", "srcset"), "iframe": ("src",), "audio": ("src",), "embed": ("src",),
    "video": ("src", "poster"), "object": ("data",), "use": ("href", "xlink:href"), "image": ("href", "xlink:href"), "form": ("action",),
}
DOXYGEN = "doxygen"  # the folder of Doxygen's own pages, which have no twins
NOT_FETCHED_RELS = {"canonical", "alternate", "prev", "next", "license", "author", "me"}
CSS_ADDRESS = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")


class Page(HTMLParser):
    """The addresses and anchors of one page."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.anchors: set[str] = set()
        self.links: list[tuple[int, str]] = []
        self.fetched: list[tuple[int, str]] = []
        self.twin = ""
        self.language = ""
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line, values = self.getpos()[0], {k: v or "" for k, v in attrs}
        self.anchors.update(values[k] for k in ("id", "name") if values.get(k) and (k == "id" or tag == "a"))
        self._in_style = tag == "style"
        if tag == "html":
            self.language = values.get("lang", "")
        if tag == "a" and "href" in values:
            self.links.append((line, values["href"]))
            if "data-nakh-twin" in values:
                self.twin = values["href"]
        if tag == "link" and not set(values.get("rel", "").split()) & NOT_FETCHED_RELS and "href" in values:
            self.fetched.append((line, values["href"]))
        for key in FETCHED.get(tag, ()):
            if values.get(key):
                self.fetched += [(line, part.split()[0]) for part in (values[key].split(",") if key == "srcset" else [values[key]])]
        self.fetched += [(line, a or b) for a, b in CSS_ADDRESS.findall(values.get("style", ""))]

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.fetched += [(self.getpos()[0], a or b) for a, b in CSS_ADDRESS.findall(data)]

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


def is_foreign(address: str) -> bool:
    parts = urlsplit(address.strip())
    return bool(parts.netloc) or (parts.scheme not in ("", "data", "mailto", "javascript", "blob"))


def problems(out: Path, base: str = "/") -> list[Problem]:
    """Everything wrong with the site built in `out`.

    @param base  The path under which a host will show it: what absolute addresses begin with.
    """
    pages = _Pages({p.relative_to(out).as_posix(): p for p in sorted(out.rglob("*.html"))})
    found: list[Problem] = []
    for name in [name for name in pages.files if not name.startswith(f"{DOXYGEN}/")]:
        page = pages[name]
        for line, address in page.fetched:
            if is_foreign(address):
                found.append(Problem(name, line, f"fetches from another host: {address}"))
        for line, address in page.fetched + page.links:
            if not is_foreign(address) and not address.startswith(("data:", "mailto:", "javascript:", "blob:")):
                found += _link_problems(out, base, pages, name, line, address)
        found += _twin_problems(base, pages, name, page)
    for sheet in sorted(out.rglob("*.css")):
        name = sheet.relative_to(out).as_posix()
        for a, b in CSS_ADDRESS.findall(sheet.read_text(encoding="utf-8")):
            address = a or b
            if is_foreign(address):
                found.append(Problem(name, 0, f"fetches from another host: {address}"))
            # Newer Doxygens name pictures in theirs that they write only with other settings.
            elif (not name.startswith(f"{DOXYGEN}/") and not address.startswith(("data:", "#"))
                  and not (sheet.parent / unquote(urlsplit(address).path)).is_file()):
                found.append(Problem(name, 0, f"refers to {address}, which does not exist"))
    return found


class _Pages:
    """Every page by its name, parsed when it is first asked for: most of Doxygen's own are only targets of links, or not even that."""

    def __init__(self, files: dict[str, Path]):
        self.files = files
        self._parsed: dict[str, Page] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.files

    def __getitem__(self, name: str) -> Page:
        if name not in self._parsed:
            self._parsed[name] = Page(self.files[name].read_text(encoding="utf-8"))
        return self._parsed[name]


def _target(base: str, name: str, address: str) -> str:
    """The file that `address`, met on page `name`, means."""
    path = unquote(urlsplit(address).path)
    if not path:
        return name
    if path.startswith("/"):
        if not path.startswith(base):
            return "(outside the site)"
        start, path = PurePosixPath("/"), path.removeprefix(base)
    else:
        start = PurePosixPath("/", name).parent
    parts: list[str] = []
    for part in (start / path).parts[1:]:
        if part == "..":
            if not parts:
                return "(above the site)"
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join([*parts, "index.html"] if path.endswith(("/", "/.", "/..")) or path in ("", ".", "..") else parts)


def _link_problems(out: Path, base: str, pages: _Pages, name: str, line: int, address: str) -> list[Problem]:
    target, fragment = _target(base, name, address), unquote(urlsplit(address).fragment)
    if target not in pages and (out / target).is_dir():
        target += "/index.html"
    if target not in pages:
        return [] if (out / target).is_file() else [Problem(name, line, f"leads nowhere: {address}")]
    if fragment and not fragment.startswith("__") and fragment not in pages[target].anchors:
        return [Problem(name, line, f"leads to a missing anchor: {address}")]
    return []


def _twin_problems(base: str, pages: _Pages, name: str, page: Page) -> list[Problem]:
    if name.endswith("404.html"):
        return []
    twin = name.removeprefix("en/") if page.language == "en" else f"en/{name}"
    if not page.twin:
        return [Problem(name, 0, "has no link to its twin")]
    if _target(base, name, page.twin) != twin:
        return [Problem(name, 0, f"its language link leads to {_target(base, name, page.twin)}, not to {twin}")]
    return []
