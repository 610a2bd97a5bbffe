# SPDX-License-Identifier: BSL-1.0
"""Drawings of boxes and arrows, in both languages.

A drawing is a file of HTML, which the style sheet makes a picture of: so it folds on a telephone, can be searched and read aloud. Its
texts stand in braces, Persian first, as in `{پشته|stack}`; what is the same in both languages stands as it is.
"""
from __future__ import annotations

import re
from pathlib import Path

from . import persian
from .problem import SiteError, fail

TEXT = re.compile(r"\{([^|{}]*)\|([^|{}]*)\}")
LANGUAGE = {"fa": 1, "en": 2}


def draw(root: Path, name: str, language: str) -> str:
    """The figure as one line of HTML."""
    path = root / "site/drawings" / f"{name}.html"
    shown = str(path.relative_to(root))
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.html"))) or "none"
        raise fail(shown, 0, f"no such drawing; there are {known}")
    text = re.sub(r"<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    if language == "fa":
        # In lines of their own, so that a problem is found where it stands.
        wrong = persian.problems(shown, "\n".join(" ".join(m.group(1) for m in TEXT.finditer(row)) for row in text.split("\n")))
        if wrong:
            raise SiteError(wrong)
    chosen = TEXT.sub(lambda m: f"<bdi>{m.group(LANGUAGE[language])}</bdi>", text)
    if left := re.search(r"[{}]", chosen):
        raise fail(shown, 1 + chosen[: left.start()].count("\n"), "a text in braces has two languages, and a bar between")
    drawing = re.sub(r"\s*\n\s*", "", chosen)
    return f'<figure class="nakh-drawing" dir="ltr">{drawing}</figure>\n'
