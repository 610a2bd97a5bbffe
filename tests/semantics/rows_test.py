# SPDX-License-Identifier: BSL-1.0
"""rows.py speaks up when it should."""
import unittest

import rows


class Judging(unittest.TestCase):
    catalogue = {
        "T-a-01": (1, "yes", "held"),
        "T-a-02": (1, "adapted", "held"),
        "T-a-03": (2, "yes", "later"),
        "T-a-04": (3, "no", "held"),
    }

    def test_all_is_well(self):
        verdicts, wrong = rows.judge(self.catalogue, {"T-a-01", "T-a-02"}, {"T-a-04"})
        self.assertEqual(list(verdicts.values()), ["held", "adapted", "later", "not applicable"])
        self.assertEqual(wrong, [])

    def test_a_row_without_a_test_is_missing(self):
        verdicts, wrong = rows.judge(self.catalogue, {"T-a-02"}, {"T-a-04"})
        self.assertEqual(verdicts["T-a-01"], "missing")
        self.assertEqual(len(wrong), 1)

    def test_a_missing_reason_a_stale_later_and_an_unknown_row_are_found(self):
        _, wrong = rows.judge(self.catalogue, {"T-a-01", "T-a-02", "T-a-03", "T-b-01"}, set())
        self.assertEqual(len(wrong), 3)

    def test_names_are_read_from_test_cases_only(self):
        source = 'TEST_CASE_FIXTURE(fixture, "T-a-01, T-a-02: both") {\n  // T-a-03\n  say("T-a-04: no");\nTEST_CASE("T-b-01: x")\n'
        source += 'TEST_CASE_FIXTURE(a,\n    "T-c-01: y")'
        self.assertEqual(list(rows.tested_rows([source])), ["T-a-01", "T-a-02", "T-b-01", "T-c-01"])


if __name__ == "__main__":
    unittest.main()
