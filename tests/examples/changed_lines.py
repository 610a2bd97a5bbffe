#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Holds a claim about two programs to the truth: usage: changed_lines.py BEFORE AFTER MOST. Comments of the file's head do not count."""
import difflib
import pathlib
import sys

before, after = (
    [line for line in pathlib.Path(name).read_text().splitlines() if not line.startswith("//")] for name in sys.argv[1:3]
)
new = [line for line in difflib.ndiff(before, after) if line.startswith("+ ")]
print(*new, sep="\n")
print(len(new), "lines are new or changed")
sys.exit(len(new) > int(sys.argv[3]) or not new)
