#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Counts which behaviours of asyncio have a test of their name.

usage: rows.py [--list held|adapted|later|missing]

rows.tsv names every behaviour that Nakh is held to. Fails when one that should hold has no test, when one that is to come later
has a test already, and when a test or not_applicable.md names a row that does not exist.
"""
import argparse
import collections
import csv
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent
ROW = re.compile(r"T-[a-z]+-\d\d\b")


def read_rows():
    with open(HERE / "rows.tsv", encoding="utf-8") as file:
        next(file)
        return {name: (int(tier), how, state) for name, tier, how, state in csv.reader(file, delimiter="\t")}


def tested_rows(sources):
    """The rows that names of test cases begin with: "T-wfor-09, T-wfor-10: what happens"."""
    for text in sources:
        for name in re.findall(r'TEST_CASE\w*\((?:\w+,\s*)?"(T-[^":]*):', text):
            yield from ROW.findall(name)


def judge(rows, tested, excused):
    """Each row's verdict, and what is wrong as sentences."""
    verdicts, wrong = {}, []
    for name, (_, how, state) in rows.items():
        if how == "no":
            verdict = "not applicable" if name in excused else "missing"
        elif name in tested:
            verdict = "adapted" if how == "adapted" else "held"
            if state == "later":
                wrong.append(f"{name} has a test, so rows.tsv should call it held")
        else:
            verdict = "later" if state == "later" else "missing"
        if verdict == "missing":
            wrong.append(f"{name} has no test of its name" if how != "no" else f"{name} stands without a reason in not_applicable.md")
        verdicts[name] = verdict
    wrong += [f"{name} is no row of rows.tsv" for name in sorted((tested | excused) - rows.keys())]
    return verdicts, wrong


def print_table(rows, verdicts):
    columns = ["rows", "held", "adapted", "not applicable", "later", "missing"]
    groups = collections.defaultdict(collections.Counter)
    for name, verdict in verdicts.items():
        for group in (name.split("-")[1], f"tier {rows[name][0]}", "all"):
            groups[group].update(["rows", verdict])
    print(f"{'':8}" + "".join(f"{column:>16}" for column in columns))
    totals = ["tier 1", "tier 2", "tier 3", "all"]
    for group in [g for g in groups if g not in totals] + totals:
        print(f"{group:8}" + "".join(f"{groups[group][column] or '.':>16}" for column in columns))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", choices=["held", "adapted", "later", "missing"], help="name the rows of one kind")
    options = parser.parse_args()
    rows = read_rows()
    tested = set(tested_rows(path.read_text(encoding="utf-8") for path in sorted(TESTS.glob("*_test.cpp"))))
    excused = set(ROW.findall((HERE / "not_applicable.md").read_text(encoding="utf-8")))
    verdicts, wrong = judge(rows, tested, excused)
    if options.list:
        print("\n".join(name for name, verdict in verdicts.items() if verdict == options.list))
    else:
        print_table(rows, verdicts)
    for sentence in wrong:
        print(f"rows.py: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
