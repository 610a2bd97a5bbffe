# SPDX-License-Identifier: BSL-1.0
"""The search index holds the spellings that people type."""
import json
import re
import unittest

from support import ROOT, Project
from nakh_site import search


class Search(Project):
    def test_folding(self):
        for typed, folded in (("كتابي", "کتابی"), ("حلقهٔ", "حلقه"), ("کتاب\u200cها", "کتابها"), ("۳۴", "34"), ("٣", "3"), ("مولّد", "مولد"),
                              ("gather", "gather")):
            self.assertEqual(search.fold(typed), folded)

    def test_other_spellings(self):
        self.assertEqual(search.other_spellings("کتاب\u200cها"), ["ها", "کتاب", "کتابها"])
        self.assertEqual(search.other_spellings("nakh::wait_for(x)"), ["for", "wait"])
        self.assertEqual(search.other_spellings("پس از ۳ ثانیه"), ["3"])
        self.assertEqual(search.other_spellings("<b>gather</b> سلام"), [])

    def test_an_index_is_widened(self):
        index = self.write("search_index.json", json.dumps({"config": {}, "docs": [{"title": "وظیفه\u200cها", "text": "متن", "location": "a"}]}))
        search.widen(index)
        self.assertEqual(json.loads(index.read_text())["docs"][0]["text"], "متن \u2063 ها وظیفه وظیفهها")

    def test_the_words_of_a_drawing_are_not_searched(self):
        index = self.write("search_index.json", json.dumps({"docs": [{"title": "x", "text": "one \u2063 a timer \u2064 two"}]}))
        search.widen(index)
        self.assertEqual(json.loads(index.read_text())["docs"][0]["text"], "one two")

    def test_an_index_of_markup_is_widened_out_of_sight(self):
        index = self.write("search_index.json", json.dumps({"config": {}, "docs": [{"title": "wait_for", "text": "<p>x</p>", "location": "a"}]}))
        search.widen(index)
        self.assertEqual(json.loads(index.read_text())["docs"][0]["text"], '<p>x</p><p class="nakh-spellings">for wait</p>')

    def test_the_script_and_the_builder_fold_alike(self):
        script = (ROOT / "site/theme/assets/nakh/search.js").read_text(encoding="utf-8")
        letters = [re.search(rf'const {name} = "(.*)";', script)[1] for name in ("from", "to")]
        self.assertEqual(str.maketrans(*letters), search.LETTERS)
        self.assertEqual(re.search(r"leftOut = /(.*)/g", script)[1].encode().decode("unicode_escape"), search.LEFT_OUT.pattern)

    def test_the_worker_splits_as_the_builder_does(self):
        written = re.search(r"separator: '(.*)'  #", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))[1].replace("''", "'")
        self.assertEqual(written, search.SEPARATOR.pattern)


if __name__ == "__main__":
    unittest.main()
