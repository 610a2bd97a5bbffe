# SPDX-License-Identifier: BSL-1.0
"""Makes the search index find Persian as people type it.

The theme's worker splits text at separators and compares words letter by letter. So each entry gets, at its end, the other spellings
of its words: half-spaced words joined and in parts, Persian digits as Latin ones, Arabic letters as Persian ones, vowel marks left
out, the parts of a_b. The page's script (search.js) folds what the reader types in the same way.
"""
from __future__ import annotations

import json
import re
from pathlib import Path

SEPARATOR = re.compile(r"""[\s\-.:،؛؟«»()<>\[\]{}/"'=,;!?`*&|+#~^%$@\\]+""")
LETTERS = str.maketrans("يكةۀأإٱ۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "یکههااا01234567890123456789")
NOT_SEARCHED = ("\u2063", "\u2064")  # stand around a drawing, whose words are in the text too; and the first before other spellings
LEFT_OUT = re.compile("[\u0640\u064b-\u0652\u0654\u0670\u200c-\u200f]")  # tatweel, vowel marks, hamza above, half-space, marks


def fold(text: str) -> str:
    """`text` as it is searched for."""
    return LEFT_OUT.sub("", text.translate(LETTERS))


def other_spellings(text: str) -> list[str]:
    words = {word for word in SEPARATOR.split(re.sub(r"<[^>]*>", " ", text)) if word}
    found = set()
    for word in words:
        parts = [p for p in re.split("[\u200c_]", word) if p]
        found.update(fold(part) for part in [word, *(parts if len(parts) > 1 else [])])
    return sorted(spelling for spelling in found - words if len(spelling) > 1 or spelling.isdigit())


def widen(index: Path) -> None:
    """Adds the other spellings to every entry of a built search index, and writes it as a script too, for a site read from a folder."""
    content = json.loads(index.read_text(encoding="utf-8"))
    # Material 9 indexes markup and shows the blocks that match; the style sheet hides this one. Material 8 shows how the text begins.
    # There the page's script cuts at the mark.
    frame = '<p class="nakh-spellings">{}</p>' if any("<p>" in entry["text"] for entry in content["docs"]) else f" {NOT_SEARCHED[0]} {{}}"
    for entry in content["docs"]:
        entry["text"] = re.sub(rf"\s*{NOT_SEARCHED[0]}[^{NOT_SEARCHED[1]}]*{NOT_SEARCHED[1]}\s*", " ", entry["text"])
        added = other_spellings(f"{entry['title']} {entry['text']}")
        if of_title := other_spellings(entry["title"]):  # a title counts for more, and so must its spellings
            entry["title"] += f" {NOT_SEARCHED[0]} {' '.join(of_title)}"
        if added:
            entry["text"] += frame.format(" ".join(added))
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    index.write_text(written, encoding="utf-8")
    # Material 9 looks for __index, Material 8 for __search.index.
    index.with_suffix(".js").write_text(f"var __index={written};var __search={{index:Promise.resolve(__index)}}", encoding="utf-8")
