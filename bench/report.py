# SPDX-License-Identifier: BSL-1.0
"""Turns the results of benchmark processes into one document, a table and a list of targets met and missed.

Works on Google Benchmark's JSON format, in and out. Starts nothing and reads no file: `run` does that.
"""

import re
import statistics

LIMIT = "yield/2/limit_fcontext"
RUNTIMES = ["limit_fcontext", "nakh", "stackless", "boost_fiber", "boost_fiber_on_nakh", "asio_spawn", "asio_awaitable", "cpp20"]

# Rows that are mostly page faults, timers or the system: no multiple of a switch.
WHOLE = {"park", "sleep", "task_tree"}

# What Google Benchmark writes about a run; whatever else is a number is a counter.
KNOWN_NUMBERS = {
    "family_index", "per_family_instance_index", "repetitions", "repetition_index", "threads", "iterations",
    "real_time", "cpu_time",
}


def split_name(name):
    """'yield/2/nakh' -> ('yield/2', 'nakh')"""
    row, _, runtime = name.rpartition("/")
    return row, runtime


def counters(run):
    return [k for k, v in run.items() if k not in KNOWN_NUMBERS and isinstance(v, (int, float)) and not isinstance(v, bool)]


def aggregates(runs):
    """The repetitions of one row -> Google Benchmark's aggregate entries for it."""

    def deviation(values):
        return statistics.stdev(values) if len(values) > 1 else 0.0

    def variation(values):
        mean = statistics.fmean(values)
        return deviation(values) / mean if mean else 0.0

    functions = {
        "mean": ("time", statistics.fmean),
        "median": ("time", statistics.median),
        "stddev": ("time", deviation),
        "cv": ("percentage", variation),
    }
    entries = []
    for name, (unit, function) in functions.items():
        entry = {
            "name": f"{runs[0]['run_name']}_{name}",
            "run_name": runs[0]["run_name"],
            "run_type": "aggregate",
            "repetitions": len(runs),
            "threads": 1,
            "aggregate_name": name,
            "aggregate_unit": unit,
            "iterations": len(runs),
            "time_unit": runs[0]["time_unit"],
            "label": runs[0].get("label", ""),
        }
        for key in ["real_time", "cpu_time", *counters(runs[0])]:
            entry[key] = function([run[key] for run in runs])
        entries.append(entry)
    return entries


def merge(documents, context):
    """Documents of single repetitions, in the order in which they were run -> one document with aggregates."""
    rows = {}
    for document in documents:
        for run in document["benchmarks"]:
            if run.get("run_type") == "iteration":
                rows.setdefault(run["run_name"], []).append(run)
    benchmarks = []
    for name in sorted(rows, key=lambda name: place(*split_name(name))):
        runs = [dict(run, repetitions=len(rows[name]), repetition_index=i) for i, run in enumerate(rows[name])]
        benchmarks += runs
        good = [run for run in runs if not run.get("error_occurred")]
        if good:
            benchmarks += aggregates(good)
    return {"context": context, "benchmarks": benchmarks}


def place(row, runtime):
    """The order of the table: rows as numbers, runtimes from the floor up."""
    what, _, count = row.partition("/")
    return what, int(count) if count.isdigit() else 0, RUNTIMES.index(runtime) if runtime in RUNTIMES else len(RUNTIMES), runtime


class Results:
    """Medians and spreads of a merged document."""

    def __init__(self, document, clock="real_time"):
        self.clock = clock
        self.medians = {}
        self.extremes = {}
        self.errors = {}
        times = {}
        for run in document["benchmarks"]:
            name = run["run_name"]
            if run.get("error_occurred"):
                self.errors[name] = run.get("error_message", "failed")
            elif run["run_type"] == "iteration":
                times.setdefault(name, []).append(run[clock])
            elif run["aggregate_name"] == "median":
                self.medians[name] = run
        self.extremes = {name: (min(values), max(values)) for name, values in times.items()}

    def names(self):
        known = set(self.medians) | set(self.errors)
        return sorted(known, key=lambda name: place(*split_name(name)))

    def value(self, name, what=None):
        """The median of a row's time or counter; None when there is none."""
        run = self.medians.get(name)
        if run is None:
            return None
        return run.get(self.clock if what in (None, "real_time") else what)

    def ratio(self, name, per):
        """How many times `per`'s time the row's time is; None when either is missing."""
        time, base = self.value(name), self.value(per)
        if time is None or not base:
            return None
        return time / base


def format_time(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def format_ratio(ratio):
    return "" if ratio is None else f"{ratio:.1f}"


def format_number(value):
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def align(lines):
    """Rows of cells -> text. The first two columns are words, the others numbers, the last one a remark."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    last = len(widths) - 1

    def cell(i, text):
        return text if i == last else text.ljust(widths[i]) if i < 2 else text.rjust(widths[i])

    return "\n".join("  ".join(cell(i, text) for i, text in enumerate(line)).rstrip() for line in lines)


def table(results):
    lines = [["row", "runtime", "median", "least .. most", "x limit", "x nakh", "allocations", ""]]
    previous = None
    for name in results.names():
        row, runtime = split_name(name)
        if previous not in (None, row):
            lines.append([""] * len(lines[0]))
        shown, previous = "" if row == previous else row, row
        if name not in results.medians:
            lines.append([shown, runtime, "", "", "", "", "", results.errors[name]])
            continue
        least, most = results.extremes[name]
        run = results.medians[name]
        comparable = row.partition("/")[0] not in WHOLE
        remarks = [run.get("label", "")]
        remarks += [f"{key} {format_number(run[key])}" for key in counters(run) if key != "allocations"]
        lines.append([
            shown, runtime, format_time(results.value(name)), f"{format_time(least)} .. {format_time(most)}",
            format_ratio(results.ratio(name, LIMIT)) if comparable else "", format_ratio(results.ratio(name, f"{row}/nakh")),
            format_number(run.get("allocations", 0)), "; ".join(filter(None, remarks)),
        ])
    return align(lines)


def judge(target, results):
    """A target -> (what it says, what was measured or None, whether it is met)."""
    name = f"{target['row']}/{target['runtime']}"
    what = target.get("value")
    measured = results.ratio(name, target["per"]) if "per" in target else results.value(name, what)
    sign, bound = ("<=", target["at_most"]) if "at_most" in target else (">=", target["at_least"])
    if "per" in target:
        row, runtime = split_name(target["per"])
        base = runtime if row == target["row"] else target["per"]
        says = f"{target['runtime']} {sign} {bound} x {base}"
    elif what == "real_time":
        says = f"{target['runtime']} {sign} {format_time(bound)}"
    else:
        says = f"{target['runtime']}: {what} {sign} {format_number(bound)}"
    met = measured is not None and (measured <= bound if sign == "<=" else measured >= bound)
    return says, measured, met


def format_measured(target, measured):
    if "per" in target:
        return f"{measured:.2f}"
    return format_time(measured) if target.get("value") == "real_time" else format_number(measured)


def target_table(targets, results):
    """(text, how many were missed, how many were not measured)"""
    lines = [["row", "target", "measured", ""]]
    missed = unmeasured = 0
    for target in targets:
        says, measured, met = judge(target, results)
        if measured is None:
            unmeasured += 1
            continue
        missed += not met
        lines.append([target["row"], says, format_measured(target, measured), "met" if met else "MISSED"])
    return align(lines), missed, unmeasured


def busy(results):
    """Rows that waited for a processor for more than a tenth of their time, as the difference of the two clocks shows."""
    return [
        name for name, run in results.medians.items()
        if not re.match(r"sleep/", name) and run["real_time"] > 1.1 * run["cpu_time"]
    ]
