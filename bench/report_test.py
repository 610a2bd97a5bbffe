# SPDX-License-Identifier: BSL-1.0
"""Tests of report.py; run with `python3 -m unittest report_test` in this folder."""

import json
import pathlib
import unittest

import report


def run(name, real, **more):
    return {
        "name": name, "run_name": name, "run_type": "iteration", "repetitions": 1, "repetition_index": 0, "threads": 1,
        "iterations": 10, "real_time": real, "cpu_time": more.pop("cpu", real), "time_unit": "ns", "label": more.pop("label", ""),
        "allocations": more.pop("allocations", 0.0), **more,
    }


def merged(*repetitions):
    return report.merge([{"benchmarks": list(runs)} for runs in repetitions], {"date": "today"})


class Merging(unittest.TestCase):
    def test_repetitions_are_numbered_and_aggregated(self):
        document = merged([run("yield/2/nakh", 10.0)], [run("yield/2/nakh", 30.0)], [run("yield/2/nakh", 11.0)])
        entries = document["benchmarks"]
        self.assertEqual([e["repetition_index"] for e in entries[:3]], [0, 1, 2])
        self.assertEqual({e["repetitions"] for e in entries}, {3})
        by_name = {e["name"]: e for e in entries[3:]}
        self.assertEqual(by_name["yield/2/nakh_median"]["real_time"], 11.0)
        self.assertEqual(by_name["yield/2/nakh_mean"]["real_time"], 17.0)
        self.assertAlmostEqual(by_name["yield/2/nakh_cv"]["real_time"], by_name["yield/2/nakh_stddev"]["real_time"] / 17.0)
        self.assertEqual(by_name["yield/2/nakh_cv"]["aggregate_unit"], "percentage")

    def test_counters_are_aggregated_too(self):
        document = merged([run("park/1000000/nakh", 1.0, wake_ns_each=400.0)], [run("park/1000000/nakh", 1.0, wake_ns_each=600.0)])
        self.assertEqual(document["benchmarks"][3]["aggregate_name"], "median")
        self.assertEqual(document["benchmarks"][3]["wake_ns_each"], 500.0)

    def test_one_repetition_has_no_deviation(self):
        entries = {e["name"]: e for e in merged([run("a/1/nakh", 5.0)])["benchmarks"]}
        self.assertEqual(entries["a/1/nakh_stddev"]["real_time"], 0.0)

    def test_a_failed_repetition_does_not_count(self):
        failed = run("a/1/nakh", 0.0, error_occurred=True, error_message="too late")
        results = report.Results(merged([run("a/1/nakh", 5.0)], [failed]))
        self.assertEqual(results.value("a/1/nakh"), 5.0)
        self.assertEqual(results.errors, {"a/1/nakh": "too late"})

    def test_rows_are_ordered_by_number_and_from_the_floor_up(self):
        document = merged([run(n, 1.0) for n in ("yield/1000/nakh", "yield/2/cpp20", "yield/2/limit_fcontext", "yield/2/nakh")])
        self.assertEqual(
            report.Results(document).names(),
            ["yield/2/limit_fcontext", "yield/2/nakh", "yield/2/cpp20", "yield/1000/nakh"])


class Tables(unittest.TestCase):
    def setUp(self):
        self.results = report.Results(merged([
            run(report.LIMIT, 4.0),
            run("yield/2/nakh", 8.0, cpu=6.0, label="note"),
            run("yield/2/boost_fiber", 60.0),
            run("park/1000000/nakh", 2000.0, resident_bytes_each=4200.0),
            run("sleep/1000000/nakh", 0.0, error_occurred=True, error_message="not asleep yet"),
        ]))

    def test_ratios(self):
        self.assertEqual(self.results.ratio("yield/2/nakh", report.LIMIT), 2.0)
        self.assertEqual(self.results.ratio("yield/2/boost_fiber", "yield/2/nakh"), 7.5)
        self.assertIsNone(self.results.ratio("yield/2/nakh", "never/1/measured"))

    def test_table(self):
        lines = report.table(self.results).splitlines()
        line = next(line for line in lines if "nakh" in line and "note" in line)
        self.assertEqual(line.split(), "nakh 8 ns 8 ns .. 8 ns 2.0 1.0 0 note".split())
        self.assertIn("resident_bytes_each 4,200", report.table(self.results))
        self.assertIn("not asleep yet", report.table(self.results))

    def test_processor_time(self):
        document = merged([run(report.LIMIT, 4.0, cpu=2.0), run("yield/2/nakh", 8.0, cpu=6.0)])
        self.assertEqual(report.Results(document, "cpu_time").ratio("yield/2/nakh", report.LIMIT), 3.0)
        self.assertEqual(report.busy(report.Results(document)), [report.LIMIT, "yield/2/nakh"])

    def test_times(self):
        self.assertEqual([report.format_time(t) for t in (0.5, 999.0, 1500.0, 2e6, 3.25e9)], ["0.5 ns", "999 ns", "1.5 us", "2 ms", "3.25 s"])


class Targets(unittest.TestCase):
    def setUp(self):
        self.results = report.Results(merged([
            run(report.LIMIT, 4.0), run("yield/2/nakh", 8.0), run("yield/2/boost_fiber", 30.0),
            run("park/1000000/nakh", 2000.0, resident_bytes_each=4200.0), run("sleep/1000000/nakh", 7e8),
        ]))

    def judge(self, **target):
        return report.judge(target, self.results)

    def test_at_most_a_ratio(self):
        self.assertEqual(
            self.judge(row="yield/2", runtime="nakh", per=report.LIMIT, at_most=2.0), ("nakh <= 2.0 x limit_fcontext", 2.0, True))

    def test_at_least_a_ratio(self):
        self.assertEqual(
            self.judge(row="yield/2", runtime="boost_fiber", per="yield/2/nakh", at_least=5), ("boost_fiber >= 5 x nakh", 3.75, False))

    def test_the_base_is_named_in_full_when_it_is_another_row(self):
        says, _, _ = self.judge(row="gather/10000", runtime="nakh", per=report.LIMIT, at_most=15)
        self.assertEqual(says, "nakh <= 15 x yield/2/limit_fcontext")

    def test_counters_and_times(self):
        self.assertEqual(
            self.judge(row="park/1000000", runtime="nakh", value="resident_bytes_each", at_most=4403),
            ("nakh: resident_bytes_each <= 4,403", 4200.0, True))
        self.assertEqual(
            self.judge(row="sleep/1000000", runtime="nakh", value="real_time", at_most=6e8), ("nakh <= 600 ms", 7e8, False))

    def test_what_was_not_measured_is_neither_met_nor_missed(self):
        targets = [
            {"row": "never/1", "runtime": "nakh", "value": "allocations", "at_most": 0},
            {"row": "sleep/1000000", "runtime": "nakh", "value": "real_time", "at_most": 6e8},
        ]
        text, missed, unmeasured = report.target_table(targets, self.results)
        self.assertEqual((missed, unmeasured), (1, 1))
        self.assertNotIn("never/1", text)
        self.assertIn("MISSED", text)

    def test_the_target_file_is_sound(self):
        path = pathlib.Path(__file__).with_name("targets.json")
        for target in json.loads(path.read_text(encoding="utf-8"))["targets"]:
            self.assertEqual(("at_most" in target) + ("at_least" in target), 1, target)
            self.assertEqual(("per" in target) + ("value" in target), 1, target)
            self.assertIn(target["runtime"], report.RUNTIMES)


if __name__ == "__main__":
    unittest.main()
