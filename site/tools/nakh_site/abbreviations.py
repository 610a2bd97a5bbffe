# SPDX-License-Identifier: BSL-1.0
"""What an abbreviation means, shown when the pointer rests on it: site/abbreviations.tsv has them in both languages."""
from __future__ import annotations

import csv
import re
from pathlib import Path

from .problem import fail


Known = dict[str, tuple[str, str]]  # an abbreviation -> what it means in English, in Persian


def read(path: Path) -> Known:
    if not path.is_file():
        return {}
    found = {}
    with open(path, encoding="utf-8") as file:
        next(file)
        for number, cells in enumerate(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE), 2):
            if len(cells) != 3 or not all(cells):
                raise fail(path.name, number, "needs three columns: the abbreviation, what it means in English and in Persian")
            found[cells[0]] = (cells[1], cells[2])
    return found


def definitions(known: Known, language: str, text: str) -> str:
    """Markdown's definitions of those that `text` has, to stand at its end."""
    used = [(short, en if language == "en" else fa) for short, (en, fa) in known.items()
            if re.search(rf"(?<![A-Za-z0-9_-]){re.escape(short)}(?![A-Za-z0-9_-])", text)]
    return "\n" + "".join(f"\n*[{short}]: {meaning}" for short, meaning in used) + "\n" if used else ""
