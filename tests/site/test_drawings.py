# SPDX-License-Identifier: BSL-1.0
"""Drawings of boxes and arrows in two languages."""
import unittest

from support import Project

BOXES = """\
<!-- SPDX-License-Identifier: BSL-1.0 -->
<ol class="stack">
  <li>main</li>
  <li>{پشتهٔ ۱|stack 1}</li>
</ol>
"""


class Drawings(Project):
    def drawn(self, text, name="boxes"):
        self.write("site/drawings/boxes.html", text)
        self.both(f"{{{{ drawing {name} }}}}")

    def test_each_language_has_its_words_and_the_same_boxes(self):
        self.drawn(BOXES)
        self.stage()
        fa, en = (self.staged(language, "index.md") for language in ("fa", "en"))
        self.assertIn('<figure class="nakh-drawing" dir="ltr"><ol class="stack"><li>main</li><li><bdi>stack 1</bdi></li></ol></figure>', en)
        self.assertIn("<li>main</li><li><bdi>پشتهٔ ۱</bdi></li>", fa)

    def test_persian_in_it_is_checked(self):
        self.drawn(BOXES.replace("۱", "1"))
        self.assertIn("site/drawings/boxes.html:4: Latin digit in Persian prose", self.refused())

    def test_a_text_without_its_twin(self):
        self.drawn(BOXES.replace("|stack 1", ""))
        self.assertIn("site/drawings/boxes.html:4: a text in braces has two languages", self.refused())

    def test_one_that_does_not_exist_names_those_that_do(self):
        self.drawn(BOXES, "circles")
        self.assertIn("site/drawings/circles.html: no such drawing; there are boxes", self.refused())


if __name__ == "__main__":
    unittest.main()
