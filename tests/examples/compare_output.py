#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs a program in virtual time and holds its output to a stored one, byte for byte.

usage: compare_output.py EXPECTED PROGRAM [ARGUMENT...]
"""

import difflib
import os
import pathlib
import subprocess
import sys


def main() -> int:
    expected_file, *command = sys.argv[1:]
    expected = pathlib.Path(expected_file).read_text(encoding="utf-8")
    ran = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", timeout=50, check=False,
                         env=os.environ | {"NAKH_CLOCK": "virtual", "PYTHONIOENCODING": "utf-8"})
    if ran.returncode != 0:
        print(f"{command[0]} ended with {ran.returncode}")
        return 1
    if ran.stdout == expected:
        return 0
    sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), ran.stdout.splitlines(True), expected_file, "now"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
