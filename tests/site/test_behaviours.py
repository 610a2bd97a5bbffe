# SPDX-License-Identifier: BSL-1.0
"""The table of semantics, the changelog and abbreviations."""
import json
import shutil
import unittest

from support import ROOT, Project

ROWS = "row\ttier\thow\tstate\nT-sleep-01\t1\tyes\theld\nT-sleep-02\t1\tadapted\theld\nT-sleep-03\t1\tno\theld\n"
PERSIAN = {"yields a turn": "یک نوبت می‌دهد", 'is | "odd"': "`odd` است | یا نه", "cannot be.": "نمی‌شود."}
TEST = 'TEST_CASE("T-sleep-01: yields a turn") {\nTEST_CASE_FIXTURE(fixture, "T-sleep-02: is | \\"odd\\"") {\n'


class Catalogue(Project):
    def setUp(self):
        super().setUp()
        self.write("tests/semantics/rows.tsv", ROWS)
        shutil.copy(ROOT / "tests/semantics/rows.py", self.root / "tests/semantics/rows.py")
        self.write("tests/sleep_test.cpp", TEST)
        self.write("tests/semantics/not_applicable.md", "- T-sleep-03: cannot be.\n")
        self.write("tests/semantics/adapted.tsv", "row\ten\tfa\nT-sleep-02\tit differs\tفرق دارد\n")
        self.translate("behaviours", PERSIAN)
        self.write("tests/semantics/traces/turns.py", "# Rows: T-sleep-01\n")
        self.write("tests/semantics/results.json", json.dumps({"programs": {"turns": {"stackful": "agrees", "stackless": "differs"}}}))
        self.both("{{ semantics summary }}\n\n{{ semantics rows }}")

    def test_rows_with_their_verdicts(self):
        self.stage()
        en, fa = self.staged("en", "index.md"), self.staged("fa", "index.md")
        self.assertIn("| `T-sleep-01` | yields a turn | as in asyncio | `turns` (fibers) |", en)
        self.assertIn("| `T-sleep-02` | is \\| \"odd\" | **adapted**: it differs | — |", en)
        self.assertIn("| `T-sleep-03` | cannot be. | **no counterpart** | — |", en)
        self.assertIn("| `T-sleep-01` | یک نوبت می‌دهد | مثل asyncio |", fa)
        self.assertIn("| `T-sleep-02` | `odd` است \\| یا نه | **با تفاوت**: فرق دارد |", fa)
        self.assertIn("### خواب {#sleep}", fa)
        self.assertIn("| **همه** | ۳ | ۱ | ۱ | ۱ |", fa)

    def test_the_differences_alone(self):
        self.both("{{ semantics differences }}")
        self.stage()
        self.assertIn('| [`T-sleep-02`](#sleep) | is \\| "odd" | it differs |', self.staged("en", "index.md"))
        self.assertNotIn("T-sleep-01", self.staged("fa", "index.md"))

    def test_a_row_without_a_test(self):
        self.write("tests/sleep_test.cpp", TEST.replace("T-sleep-01", "nothing"))
        self.assertIn("T-sleep-01 has no test of its name", self.refused())

    def test_an_adapted_row_without_a_sentence(self):
        self.write("tests/semantics/adapted.tsv", "row\ten\tfa\n")
        self.assertIn("disagree on T-sleep-02", self.refused())

    def test_a_sentence_without_persian(self):
        self.translate("behaviours", {en: fa for en, fa in PERSIAN.items() if "odd" not in en})
        self.assertIn('lacks "is | \\"odd\\""', self.refused())

    def test_persian_of_a_sentence_that_is_gone(self):
        self.translate("behaviours", PERSIAN | {"was once": "بود"})
        self.assertIn("nothing says this any more", self.refused())

    def test_persian_that_is_none(self):
        self.translate("behaviours", PERSIAN | {"yields a turn": "1 نوبت"})
        self.assertIn("Latin digit", self.refused())

    def test_a_program_that_was_not_run(self):
        self.write("tests/semantics/traces/other.py", "# Rows: T-sleep-01\n")
        self.assertIn("knows nothing of other", self.refused())


class Others(Project):
    def test_the_changelog_with_ids_and_its_language(self):
        self.write("CHANGELOG.md", "# Changelog\n\nWords.\n\n## Unreleased\n\n### Added\n\n- A thing in C++.\n")
        self.both("{{ changelog }}")
        self.stage()
        self.assertIn("## Unreleased {#unreleased}\n\n### Added {#unreleased-added}\n", self.staged("en", "index.md"))
        self.assertIn('<div dir="ltr" lang="en" markdown>', self.staged("fa", "index.md"))
        self.assertIn("C++\u200e.", self.staged("fa", "index.md"))

    def test_abbreviations_that_a_page_has_are_explained_in_its_language(self):
        self.write("site/abbreviations.tsv", "short\ten\tfa\nTLS\tsafe\tامن\nTCP\tplain\tساده\n")
        self.page("fa", "index.md", "با TLS")
        self.page("en", "index.md", "By TLS, not MTCP")
        self.stage()
        self.assertTrue(self.staged("fa", "index.md").endswith("\n*[TLS]: امن\n"))
        self.assertTrue(self.staged("en", "index.md").endswith("\n*[TLS]: safe\n"))


if __name__ == "__main__":
    unittest.main()
