# SPDX-License-Identifier: BSL-1.0
"""Cuts a marked region out of a source file.

A region stands between two lines that hold nothing but its marker, `// [name]` or `# [name]`. Regions may nest and may overlap;
the marker lines of others are left out of what is cut. Without a name the whole file is meant, less its licence line. Two blank
lines, which Python's style asks for, become one, so that twins line up.
"""
from __future__ import annotations

import re
import textwrap
from pathlib import Path

from .problem import fail

MARKER = re.compile(r"^\s*(?://|#)\s*\[([A-Za-z0-9_-]+)\]\s*$")
LICENCE = re.compile(r"^\s*(?://|#)\s*SPDX-License-Identifier:")


def cut(path: Path, region: str = "", shown: str = "") -> str:
    """The region's text, dedented, ending in one newline.

    @param shown  The file's name in messages.
    """
    shown = shown or str(path)
    rows = path.read_text(encoding="utf-8").split("\n")
    marks = [(i, m.group(1)) for i, row in enumerate(rows) if (m := MARKER.match(row))]
    if region:
        at = [i for i, name in marks if name == region]
        if not at:
            known = ", ".join(sorted({name for _, name in marks})) or "none"
            raise fail(shown, 0, f"has no region [{region}]; its regions: {known}")
        if len(at) != 2:
            how = "is opened and never closed" if len(at) == 1 else f"has {len(at)} markers, two are needed"
            raise fail(shown, at[0] + 1, f"region [{region}] {how}")
        rows = rows[at[0] + 1 : at[1]]
    kept = [row.rstrip() for row in rows if not MARKER.match(row) and not LICENCE.match(row)]
    text = re.sub(r"\n{3,}", "\n\n", textwrap.dedent("\n".join(kept)).strip("\n"))
    if not text:
        raise fail(shown, 0, f"region [{region}] is empty" if region else "is empty")
    return text + "\n"
