#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Holds what a tool says of a program: usage: check.py (--report REGEX | --silent) -- COMMAND...

--report: the program must fail, and its output must match; the dot matches line ends too. --silent: it must succeed and print
nothing to standard error.
"""
import argparse
import re
import subprocess
import sys


def verdict(status, output, errors, report):
    """What is wrong, as a sentence; empty when nothing is."""
    if report is None:
        return "" if status == 0 and not errors else f"ended with {status}, and should have been silent"
    if status == 0:
        return "the mistake was not noticed: the program has succeeded"
    return "" if re.search(report, output + errors, re.S) else f"ended with {status}, but reported something else than {report!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--report")
    what.add_argument("--silent", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    ran = subprocess.run(options.command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    wrong = verdict(ran.returncode, ran.stdout, ran.stderr, options.report)
    if wrong:
        print(f"check.py: {wrong}\n{ran.stdout}{ran.stderr}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
