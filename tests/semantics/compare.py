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


def main():
    program, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
    here = pathlib.Path(__file__).resolve().parent
    since = re.search(r"^# Since: 3\.(\d+)", program.read_text(encoding="utf-8"), re.M)
    if since and sys.version_info < (3, int(since[1])):
        expected = program.with_suffix(".trace").read_text(encoding="utf-8")
        print(f"Python {sys.version_info[0]}.{sys.version_info[1]} < 3.{since[1]}: compared with the stored trace")
    else:
        expected = output_of([sys.executable, str(here / "virtual_asyncio.py"), str(program)])
    found = output_of(command)
    if found == expected:
        print(f"{program.stem}: {len(expected.splitlines())} lines agree")
        return 0
    sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), found.splitlines(True), "CPython", "nakh"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
