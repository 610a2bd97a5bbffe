# SPDX-License-Identifier: BSL-1.0
"""What Persian prose must and must not contain, and the mark that keeps "C++" together.

Only what a program can judge for certain is refused here; the rest is a reader's work.
"""
from __future__ import annotations

import re

from . import markdown
from .problem import Problem

LRM = "\u200e"
ZWNJ = "\u200c"
LETTER = "\u0621-\u063a\u0641-\u064a\u0654\u067e\u0686\u0698\u06a9\u06af\u06c0\u06cc"

# A Latin word with digits in it (C++20, aarch64, UTF-8) is a name, not a number of the prose.
# So is an order of growth: O(1).
NAME_WITH_DIGITS = re.compile(r"O\([a-z0-9 ]*\)|[A-Za-z][A-Za-z0-9+.#/_-]*\d[A-Za-z0-9+.#/_-]*|(?<=[A-Za-z+] )\d+(?:\.\d+)+")

RULES = [
    (re.compile(r"[0-9]"), "Latin digit in Persian prose; write ۰-۹, or code"),
    (re.compile("[\u064a\u0643]"), "Arabic ye or kaf; Persian has ی and ک"),
    (re.compile("[\u0660-\u0669]"), "Arabic digit; Persian has ۰-۹"),
    (re.compile(r'"|[“”]'), "quotation mark; Persian has «»"),
    (re.compile(f"[{LETTER}]{ZWNJ}?[,;?]"), "Latin comma, semicolon or question mark; Persian has ، ؛ ؟"),
    (re.compile(f"(?<![{LETTER}{ZWNJ}])ن?می [{LETTER}]"), "space after «می»; a half-space (U+200C) joins it to the verb"),
    (re.compile(f"[{LETTER}] (?:ها|های|هایی|هایش|هایشان|تر|ترین)(?![{LETTER}])"), "space before a suffix; a half-space (U+200C) joins it"),
    (re.compile(f"{ZWNJ}(?![{LETTER}])|(?<![{LETTER}A-Za-z0-9`+*)»]){ZWNJ}|{ZWNJ}{ZWNJ}"), "half-space (U+200C) that joins nothing"),
    (re.compile("ه" + ZWNJ + "ی(?![" + LETTER + "])"), "«ه‌ی»; the site writes «هٔ»"),
]


DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
NUMERAL = DIGITS | str.maketrans(".,", "٫٬")


def digits(language: str, text: str) -> str:
    """A text with its numbers as the language writes them."""
    return text.translate(DIGITS) if language == "fa" else text


def numeral(language: str, number: str) -> str:
    """A number, with its decimal and thousands marks."""
    return number.translate(NUMERAL) if language == "fa" else number


def isolate_latin(row: str) -> str:
    """Puts U+200E after a "C++" that ends a Latin run: without it a right-to-left line shows "++C"."""
    return re.sub(r"(C\+\+)(?![0-9A-Za-z\u200e])", r"\1" + LRM, row)


def problems(path: str, text: str) -> list[Problem]:
    found = []
    for line in markdown.lines(text):
        if line.kind != "prose":
            continue
        row = line.text
        if row.startswith(markdown.FRONT_MATTER_PROSE):
            row = row.partition(":")[2].strip().strip("\"'")
        # A code span counts as a letter, so that a half-space after it joins something.
        row = markdown.NOT_PROSE.sub(lambda m: "`" * len(m.group()) if m.group().startswith("`") else " " * len(m.group()), row)
        row = re.sub(r'^(\s*)(?:===\+?|!!!|\?\?\?\+?)\s*(?:[a-z]+\s*)*"(.*)"\s*$', r"\1\2", row)  # a tab's or a note's title
        row = re.sub(r"^(\s*)\d+\.(?=\s)", r"\1", row)  # the mark of an ordered list
        row = NAME_WITH_DIGITS.sub(lambda m: "x" * len(m.group()), row)
        found += [Problem(path, line.number, f"{why}: …{row[max(0, m.start() - 20) : m.end() + 20].strip()}…")
                  for rule, why in RULES for m in [rule.search(row)] if m]
    return found
