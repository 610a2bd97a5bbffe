# SPDX-License-Identifier: BSL-1.0
"""Tables and plots from stored measurements."""
import json
import unittest

from support import Project

STORED = {
    "command": "./dev compare", "date": "2026-01-02", "repetitions": 3,
    "machine": {"processor": "A Chip", "processors": 2, "system": "Debian", "load": "0.10"}, "versions": ["g++ 12"],
    "rows": {"yield/2": {"nakh": [10.0, 12.0, 20.0], "cpp20": [2.0, 2.0, 2.0]}},
    "programs": [{"program": "05-gather", "stackful": {"lines": 10, "compile_seconds": 1.5, "object_bytes": 2048},
                  "stackless": {"lines": 12, "compile_seconds": 2.0, "object_bytes": 4096}}],
    "servers": {"epoll": {"nanoseconds": [3000, 3100], "times_epoll": [1.0, 1.0], "bytes": [0, 0]},
                "nakh_streams": {"nanoseconds": [3200, 3000], "times_epoll": [1.07, 0.97], "bytes": [13000, 13000]}},
}


class Measured(Project):
    def staged_with(self, directive, stored=None):
        self.write("bench/results/a.json", json.dumps(stored or STORED))
        self.both(directive)
        self.stage()
        return self.staged("fa", "index.md"), self.staged("en", "index.md")

    def test_a_cell_has_the_median_and_the_spread_in_the_languages_digits(self):
        fa, en = self.staged_with("{{ measured bench/results/a.json costs }}")
        self.assertIn("| 12 <small>(10–20)</small> | 2 |", en)
        self.assertIn("| ۱۲ <small>(۱۰ تا ۲۰)</small> | ۲ |", fa)
        self.assertNotIn("Boost.Fiber", en, "a model that was not measured has no column")

    def test_programs_with_their_sum(self):
        _, en = self.staged_with("{{ measured bench/results/a.json programs }}")
        self.assertIn("| `05-gather` | 10 | 12 | 1.50 | 2 | 2 | 4 |", en)
        self.assertIn("| **all together** | **10** | **12** |", en)

    def test_servers_by_what_they_cost(self):
        fa, en = self.staged_with("{{ measured bench/results/a.json echo }}")
        self.assertLess(en.index("a bare epoll loop"), en.index("Nakh, a fiber"))
        self.assertIn("۱۳٬۰۰۰", fa)

    def test_the_machine(self):
        _, en = self.staged_with("{{ measured bench/results/a.json machine }}")
        for text in ("`./dev compare`", "`2026-01-02`", "`A Chip`, 2 processors", "`g++ 12`"):
            self.assertIn(text, en)

    def test_a_plot_is_inline_and_keeps_to_the_pages_colours(self):
        fa, en = self.staged_with("{{ plot bench/results/a.json yield/2 }}")
        self.assertEqual(en.count('<rect class="nakh-bar"'), 2)
        self.assertIn('y="20" width="46.8%"', en)  # 12 of 20, of 78
        self.assertIn('direction="ltr"', fa)
        self.assertNotRegex(en, r"#[0-9a-f]{3,6}\b|fill=|http")

    def test_what_is_not_there_is_refused(self):
        self.staged_with("{{ measured bench/results/a.json costs }}")
        for directive, message in (("measured bench/results/b.json costs", "no such file"),
                                   ("measured bench/results/a.json colours", "has no table 'colours'"),
                                   ("plot bench/results/a.json sleep/1", "has no row 'sleep/1'")):
            self.both(f"{{{{ {directive} }}}}")
            self.assertIn(message, self.refused())


if __name__ == "__main__":
    unittest.main()
