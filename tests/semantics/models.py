#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Row by row: what CPython prints, and whether fibers and coroutines print the same.

usage: models.py [--store] TRACES_STACKFUL TRACES_STACKLESS

The arguments are the two executables that hold the trace programs. Each program stands for the rows that its first lines name.
With --store, what was found is kept in results.json, from which the site makes its table. Fails when a trace differs.
"""

import json
import pathlib
import re
import sys

import compare

HERE = pathlib.Path(__file__).resolve().parent
MODELS = ["stackful", "stackless"]


def verdict_of(executable, program, expected):
    return "agrees" if compare.output_of([executable, program.stem]) == expected else "differs"


def main():
    store = "--store" in sys.argv
    executables = [argument for argument in sys.argv[1:] if argument != "--store"]
    if len(executables) != 2:
        sys.exit(__doc__)
    programs, wrong = [], []
    for program in sorted((HERE / "traces").glob("*.py")):
        expected, version = compare.expected_of(program)
        verdicts = [verdict_of(executable, program, expected) for executable in executables]
        rows = re.search(r"^# Rows: (.*)$", program.read_text(encoding="utf-8"), re.M)[1].split()
        programs.append((rows, program.stem, version, verdicts))
        wrong += [f"{program.stem}, {model}: {v}" for model, v in zip(MODELS, verdicts) if v == "differs"]
    table = sorted((row, name, version, *verdicts) for rows, name, version, verdicts in programs for row in rows)
    head = ("row", "program", "CPython", *MODELS)
    widths = [max(len(line[i]) for line in [head, *table]) for i in range(len(head))]
    for line in [head, *table]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    counts = [sum(verdicts[i] == "agrees" for *_, verdicts in programs) for i in range(len(MODELS))]
    print(f"\n{len(programs)} programs, {len({line[0] for line in table})} rows; " +
          ", ".join(f"{model} agrees in {count}" for model, count in zip(MODELS, counts)))
    if store:
        found = {name: {"cpython": version} | dict(zip(MODELS, verdicts)) for _, name, version, verdicts in programs}
        (HERE / "results.json").write_text(json.dumps({"programs": found}, indent=1) + "\n", encoding="utf-8")
    for sentence in wrong:
        print(f"models.py: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
