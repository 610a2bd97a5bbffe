# SPDX-License-Identifier: BSL-1.0
"""Directives, twins, and what is refused in a page."""
import unittest

from support import PROGRAM, Project


class Pages(Project):
    def test_code_is_cut_and_titled_with_its_path(self):
        self.both("{{ code examples/05-gather/stackful.cpp greet }}")
        self.stage()
        self.assertIn('```cpp title="examples/05-gather/stackful.cpp"\nstd::cout << "hello\\n";\n```', self.staged("fa", "index.md"))

    def test_several_regions_follow_one_another(self):
        self.write("examples/a.py", "# [one]\n1\n# [one]\nx\n# [two]\n2\n# [two]\n")
        self.both('{{ code examples/a.py one two title="" }}')
        self.stage()
        self.assertIn("```python\n1\n\n2\n```", self.staged("en", "index.md"))

    def test_code_keeps_the_indentation_of_its_directive(self):
        self.both('=== "C++"\n\n    {{ code examples/05-gather/stackful.cpp main title="" lines="2" }}')
        self.stage()
        self.assertIn('    ```cpp hl_lines="2"\n    int main() {\n      std::cout', self.staged("en", "index.md"))

    def test_output_is_what_the_program_prints_in_each_language(self):
        self.both("{{ output examples/05-gather }}")
        self.stage()
        self.assertIn('title="خروجی" }\nhello\n```', self.staged("fa", "index.md"))
        self.assertIn('title="Output" }\nhello\n```', self.staged("en", "index.md"))

    def test_the_command_that_runs_it(self):
        self.both("{{ run examples/05-gather }}")
        self.stage()
        self.assertIn("```sh\nbuild/demo/examples/05-gather/stackful\n```", self.staged("en", "index.md"))

    def test_code_with_backticks_gets_a_longer_fence(self):
        self.write("examples/a.txt", "```\nx\n```\n")
        self.both("{{ code examples/a.txt }}")
        self.stage()
        self.assertIn('````text title="examples/a.txt"\n```\nx\n```\n````', self.staged("en", "index.md"))

    def test_c_plus_plus_is_marked_in_persian_only_and_in_titles_too(self):
        self.write("site/fa/index.md", "---\ntitle: زبان C++\n---\n\n# C++ {#top}\n\n`C++`\n")
        self.write("site/en/index.md", "---\ntitle: C++\n---\n\n# C++ {#top}\n\n`C++`\n")
        self.stage()
        self.assertEqual(self.staged("fa", "index.md"), "---\ntitle: زبان C++\u200e\n---\n\n# C++\u200e {#top}\n\n`C++`\n")
        self.assertNotIn("\u200e", self.staged("en", "index.md"))

    def test_other_files_are_copied_and_removed_ones_go(self):
        picture = self.write("site/fa/a/b.svg", "<svg/>")
        self.stage()
        self.assertEqual(self.staged("fa", "a/b.svg"), "<svg/>")
        picture.unlink()
        self.stage()
        self.assertFalse((self.root / "build/site-src/fa/a").exists())

    def test_an_unchanged_page_is_not_written_again(self):
        self.stage()
        page = self.root / "build/site-src/fa/index.md"
        before = page.stat().st_mtime_ns
        self.stage()
        self.assertEqual(page.stat().st_mtime_ns, before)

    def test_a_page_without_its_twin(self):
        self.page("fa", "only.md", "متن")
        self.page("en", "alone.md", "text")
        self.assertEqual(self.refused(), "site/en/alone.md: has no twin site/fa/alone.md\nsite/fa/only.md: has no twin site/en/only.md")

    def test_twins_whose_headings_differ(self):
        self.page("fa", "index.md", "## یک {#one}\n\n## دو {#two}")
        self.page("en", "index.md", "## One {#one}\n\n### Two {#two}")
        self.assertEqual(self.refused(), "site/fa/index.md:9: heading 3 is ## {#two}, but ### {#two} in site/en/index.md:9")

    def test_twins_with_other_code_pictures_or_tabs(self):
        self.page("fa", "index.md", "{{ code examples/05-gather/stackful.cpp main }}")
        self.page("en", "index.md", "{{ code examples/05-gather/stackful.cpp greet }}")
        self.assertIn("directive 1 is code examples/05-gather/stackful.cpp main, but", self.refused())
        self.page("fa", "index.md", "![نقش](a.svg)")
        self.page("en", "index.md", "none")
        self.assertIn("picture 1 is a picture, but nothing", self.refused())
        self.page("fa", "index.md", '=== "یک"\n\n    متن')
        self.assertIn("tab 1 is a tab, but nothing", self.refused())

    def test_an_unknown_region_names_file_and_line(self):
        self.both("{{ code examples/05-gather/stackful.cpp nowhere }}")
        said = self.refused()
        self.assertIn("site/en/index.md:7: examples/05-gather/stackful.cpp: has no region [nowhere]; its regions: greet, main", said)
        self.assertIn("site/fa/index.md:7: ", said)

    def test_a_line_that_does_not_fit_on_the_page(self):
        self.write("examples/05-gather/stackful.cpp", PROGRAM.replace("hello", "hello" * 20))
        self.both("{{ code examples/05-gather/stackful.cpp greet }}")
        self.assertIn("site/en/index.md:7: examples/05-gather/stackful.cpp: a line of 118 columns is wider than a page", self.refused())

    def test_a_file_that_does_not_exist(self):
        self.both("{{ code examples/none.cpp }}")
        self.assertIn("site/en/index.md:7: examples/none.cpp: no such file", self.refused())

    def test_drift_names_the_page_too(self):
        self.binary("examples/05-gather/stackful", "echo other")
        self.both("{{ output examples/05-gather }}")
        self.assertIn("site/en/index.md:7: examples/05-gather/output.txt:1: ", self.refused())

    def test_malformed_directives(self):
        for body, why in (
            ("{{ include a }}", "unknown directive 'include'"),
            ("{{ code }}", "takes a file and the names of its regions, not 0 words"),
            ("{{ output a b }}", "takes the name of one example, not 2 words"),
            ('{{ code a "b }}', "No closing quotation"),
            ("{{ output a title=x }}", "has no option 'title'"),
            ("see {{ output a }}", "stands on a line of its own"),
        ):
            self.both(body)
            self.assertIn(f"site/en/index.md:7: ", self.refused(), body)
            self.assertIn(why, self.refused(), body)

    def test_a_directive_in_code_is_text(self):
        self.both("`{{ code x }}`")
        self.stage()
        self.assertIn("`{{ code x }}`", self.staged("en", "index.md"))

    def test_pasted_code_is_refused_and_commands_are_not(self):
        self.both("```sh\n./dev demo\n```")
        self.stage()
        self.both("```cpp\nint x;\n```")
        self.assertIn("site/en/index.md:7: pasted code", self.refused())

    def test_a_heading_needs_an_id_of_its_own(self):
        self.both("## One")
        self.assertIn("site/en/index.md:7: heading without an id", self.refused())
        self.both("## One {#top}")
        self.assertIn("site/en/index.md:7: id 'top' is taken by line 5", self.refused())

    def test_a_page_needs_a_title(self):
        self.write("site/fa/index.md", "# سلام {#a}\n")
        self.write("site/en/index.md", "# Hello {#a}\n")
        self.assertIn("site/en/index.md:1: has no title", self.refused())

    def test_persian_prose_is_checked(self):
        self.page("fa", "index.md", "در 3 ثانیه")
        self.assertIn("site/fa/index.md:7: Latin digit", self.refused())

    def test_a_failed_build_reports_all_problems_at_once(self):
        self.both("## One\n\n{{ code examples/none.cpp }}")
        self.assertEqual(len(self.refused().splitlines()), 4)


if __name__ == "__main__":
    unittest.main()
