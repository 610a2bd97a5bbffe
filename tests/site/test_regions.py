# SPDX-License-Identifier: BSL-1.0
"""Cutting regions out of source files."""
import unittest

from support import Project
from nakh_site import regions


class Regions(Project):
    def cut(self, text, region="", name="a.cpp"):
        return regions.cut(self.write(name, text), region, name)

    def test_a_region_is_cut_without_its_markers_and_without_others(self):
        path = self.root / "examples/05-gather/stackful.cpp"
        self.assertEqual(regions.cut(path, "main"), 'int main() {\n  std::cout << "hello\\n";\n}\n')

    def test_an_inner_region_is_dedented(self):
        path = self.root / "examples/05-gather/stackful.cpp"
        self.assertEqual(regions.cut(path, "greet"), 'std::cout << "hello\\n";\n')

    def test_a_python_region(self):
        self.assertEqual(self.cut("import a\n# [x]\nrun()\n# [x]\n", "x", "a.py"), "run()\n")

    def test_regions_may_overlap(self):
        text = "// [a]\n1\n// [b]\n2\n// [a]\n3\n// [b]\n"
        self.assertEqual(self.cut(text, "a"), "1\n2\n")
        self.assertEqual(self.cut(text, "b"), "2\n3\n")

    def test_a_whole_file_loses_its_licence_line(self):
        self.assertEqual(self.cut("// SPDX-License-Identifier: BSL-1.0\nint x;\n"), "int x;\n")

    def test_two_blank_lines_become_one(self):
        self.assertEqual(self.cut("a\n\n\n\nb\n"), "a\n\nb\n")

    def test_a_comment_that_ends_in_brackets_is_no_marker(self):
        self.assertEqual(self.cut("// see [x]\n// [x] is here\n"), "// see [x]\n// [x] is here\n")

    def test_an_unknown_region_names_the_known_ones(self):
        said = self.refused(lambda: self.cut("// [b]\n1\n// [b]\n// [a]\n2\n// [a]\n", "c"))
        self.assertEqual(said, "a.cpp: has no region [c]; its regions: a, b")

    def test_an_unclosed_region_names_its_line(self):
        self.assertEqual(self.refused(lambda: self.cut("int x;\n// [a]\n1\n", "a")), "a.cpp:2: region [a] is opened and never closed")

    def test_three_markers_are_refused(self):
        self.assertIn("has 3 markers", self.refused(lambda: self.cut("// [a]\n1\n// [a]\n// [a]\n", "a")))

    def test_an_empty_region_is_refused(self):
        self.assertIn("region [a] is empty", self.refused(lambda: self.cut("// [a]\n\n// [a]\n", "a")))


if __name__ == "__main__":
    unittest.main()
