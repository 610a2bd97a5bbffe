#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs a program in virtual time and holds its output to a stored one, byte for byte.

usage: compare_output.py [--real-time] EXPECTED PROGRAM [ARGUMENT...]

--real-time: the program knows no other time, and is late on a machine that does other things too. It has three attempts.
"""

import argparse
import difflib
import os
import pathlib
import subprocess
import sys


def difference(expected_file: str, command: list[str]) -> list[str]:
    """What is wrong, by lines; nothing when the output is the stored one."""
    expected = pathlib.Path(expected_file).read_text(encoding="utf-8")
    ran = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", timeout=50, check=False,
                         env=os.environ | {"NAKH_CLOCK": "virtual", "PYTHONIOENCODING": "utf-8"})
    if ran.returncode != 0:
        return [f"{command[0]} ended with {ran.returncode}\n"]
    return list(difflib.unified_diff(expected.splitlines(True), ran.stdout.splitlines(True), expected_file, "now"))


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--real-time", action="store_true")
    parser.add_argument("expected")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    for _ in range(3 if options.real_time else 1):
        wrong = difference(options.expected, options.command)
        if not wrong:
            return 0
        sys.stdout.writelines(wrong)
    return 1


if __name__ == "__main__":
    sys.exit(main())
