# SPDX-License-Identifier: BSL-1.0
"""The rules for Persian prose, and the mark after "C++"."""
import unittest

import support  # noqa: F401  (finds the tool)
from nakh_site import markdown, persian

ZWNJ = "\u200c"
LRM = "\u200e"


class Prose(unittest.TestCase):
    def said(self, text):
        return "\n".join(map(str, persian.problems("a.md", text)))

    def test_right_prose_passes(self):
        for text in (
            f"کتاب{ZWNJ}ها ۳ ثانیه طول می{ZWNJ}کشند؛ «بله»، نه؟",
            "زبان C++20 و Python 3.14 و UTF-8 روی aarch64",
            f"با `gather(1, 2)` و `x`{ZWNJ}ها",
            "1. بند یکم",
            '=== "Python"',
            '!!! warning "دام"',
            "[پیوند](https://example.org/1?a=2) و <https://example.org/3>",
            "## سرتیتر {#part-2}",
            "```text\nبا 3 رقم\n```",
            "{{ code examples/05-gather/stackful.cpp main }}",
            "---\ntitle: خانه\nweight: 3\n---\n",
        ):
            self.assertEqual(self.said(text), "", text)

    def test_wrong_prose_is_refused(self):
        for text, why in (
            ("در 3 ثانیه", "Latin digit"),
            ("title: بخش 2", "Latin digit"),
            ("كتاب", "Arabic ye or kaf"),
            ("علي", "Arabic ye or kaf"),
            ("٣ ثانیه", "Arabic digit"),
            ('او گفت "نه"', "quotation mark"),
            ("این, آن", "Latin comma"),
            ("چرا?", "Latin comma"),
            ("کار می کند", "space after «می»"),
            ("کار نمی کند", "space after «می»"),
            ("کتاب ها", "space before a suffix"),
            ("بزرگ ترین کار", "space before a suffix"),
            (f"کتاب{ZWNJ} ها", "joins nothing"),
            (f"حلقه{ZWNJ}ی رویداد", "«هٔ»"),
            ('=== "در 3 گام"', "Latin digit"),
        ):
            self.assertIn(why, self.said(text), text)

    def test_the_line_is_named_and_front_matter_counts(self):
        self.assertTrue(self.said("---\ntitle: خانه\n---\n\nدر 3 ثانیه").startswith("a.md:5: "))

    def test_the_mark_follows_a_latin_run_that_ends_in_c_plus_plus(self):
        mark = persian.isolate_latin
        self.assertEqual(mark("زبان C++ است"), f"زبان C++{LRM} است")
        self.assertEqual(mark("C++20 و C++"), f"C++20 و C++{LRM}")
        self.assertEqual(mark(mark("C++")), f"C++{LRM}")

    def test_the_mark_stays_out_of_code(self):
        marked = markdown.map_prose("`C++` [C++](c++.md) C++", persian.isolate_latin)
        self.assertEqual(marked, f"`C++` [C++{LRM}](c++.md) C++{LRM}")


if __name__ == "__main__":
    unittest.main()
