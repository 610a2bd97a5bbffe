#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Holds a C++ program's trace to CPython's, byte for byte: usage: compare.py PROGRAM.py COMMAND...

Runs the Python program in virtual time, unless its first lines say `Since: 3.N` and this Python is older; then the stored
trace PROGRAM.trace beside it, which the version named in `Stored trace:` has printed, stands for it, and the output says so.
"""

import difflib
import os
import pathlib
import re
import subprocess
import sys


def output_of(command):
    ran = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=50, check=False,
                         env=os.environ | {"NAKH_CLOCK": "virtual", "PYTHONIOENCODING": "utf-8"})
    if ran.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {ran.returncode}\n{ran.stderr}")
    return ran.stdout


def expected_of(program):
    """What the program has to print, and which CPython says so."""
    here = pathlib.Path(__file__).resolve().parent
    text = program.read_text(encoding="utf-8")
    since = re.search(r"^# Since: 3\.(\d+)", text, re.M)
    if since and sys.version_info < (3, int(since[1])):
        printed_by = re.search(r"^# Stored trace: .*?(\d+\.\d+\.\d+)", text, re.M)
        return program.with_suffix(".trace").read_text(encoding="utf-8"), f"{printed_by[1] if printed_by else '?'}, stored"
    own = ".".join(map(str, sys.version_info[:3]))
    return output_of([sys.executable, str(here / "virtual_asyncio.py"), str(program)]), own


def main():
    program, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
    expected, version = expected_of(program)
    if version.endswith("stored"):
        print(f"this Python is too old: compared with the trace that CPython {version.split(',')[0]} has printed")
    found = output_of(command)
    if found == expected:
        print(f"{program.stem}: {len(expected.splitlines())} lines agree")
        return 0
    sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), found.splitlines(True), "CPython", "nakh"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
