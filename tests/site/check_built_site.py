#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Builds the real site, strictly, from a build's own examples, and checks what a reader would meet.

That links, anchors and language links hold and that nothing is fetched from another host is checked by the build itself.
"""
import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from support import ROOT
from nakh_site import builder, doxygen
from nakh_site.problem import SiteError

OPTIONS = argparse.Namespace(build_dir=ROOT / "build/dev")
SKIPPED = 77


class BuiltSite(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.out = Path(folder.name) / "site"
        try:
            builder.build(cls.out, OPTIONS.build_dir)
        except SiteError as error:
            raise AssertionError(f"the site does not build:\n{error}") from None

    def read(self, name):
        return (self.out / name).read_text(encoding="utf-8")

    def pages(self, language):
        every = {p.relative_to(self.out).as_posix() for p in self.out.rglob("*.html")}
        every = {p for p in every if not p.startswith("doxygen/")}
        english = {p for p in every if p.startswith("en/")}
        return english if language == "en" else every - english

    def test_every_page_is_there_in_both_languages(self):
        self.assertEqual({f"en/{p}" for p in self.pages("fa")}, self.pages("en"))
        for source in (ROOT / "site/fa").rglob("*.md"):
            self.assertIn(source.relative_to(ROOT / "site/fa").with_suffix(".html").as_posix(), self.pages("fa"))

    def test_language_and_direction(self):
        for page in self.pages("fa"):
            self.assertRegex(self.read(page), r'<html lang="fa"[\s\S]*<body dir="rtl"', page)
        for page in self.pages("en"):
            self.assertRegex(self.read(page), r'<html lang="en"[\s\S]*<body dir="ltr"', page)

    def test_no_english_words_of_the_theme_are_left_in_persian_pages(self):
        for page in self.pages("fa"):
            for word in ("Back to top", "Table of contents", "Skip to content", "Next", "Previous", "Search", "Footer", "Header",
                         "Navigation", "Copy to clipboard", "Permanent link"):
                self.assertNotRegex(self.read(page), rf'(>\s*|"){word}(\s*<|")', page)

    def test_fonts_are_the_sites_own_with_their_licences(self):
        for name in ("Vazirmatn-Variable.woff2", "JetBrainsMono-Regular.woff2", "JetBrainsMono-Bold.woff2", "Vazirmatn-OFL.txt",
                     "JetBrainsMono-OFL.txt"):
            self.assertTrue((self.out / "assets/nakh/fonts" / name).is_file(), name)

    def test_each_language_has_its_own_search_index(self):
        for prefix, word in (("", "گردآوری"), ("en/", "gather")):
            index = json.loads(self.read(f"{prefix}search/search_index.json"))
            self.assertTrue(any(word in entry["text"] for entry in index["docs"]), prefix)

    def test_the_reference_is_persian_in_persian_and_leads_to_doxygens_pages(self):
        for page, word, other in (("reference/api/gather.html", "ایمنی در رشته‌ها", "Thread safety"), ("en/reference/api/gather.html", "Thread safety", "ایمنی")):
            article = self.read(page).partition("<article")[2].partition("</article>")[0]
            self.assertIn(word, article)
            self.assertNotIn(other, article)
            self.assertIn('id="gather"', article)
            self.assertRegex(article, r'href="[./]*doxygen/gather_8hpp_source.html#l\d{5}"')
        for page in self.pages("fa"):
            if page.startswith("reference/api/") and doxygen.is_checked():  # another one reads paragraphs that no catalogue has
                self.assertFalse('lang="en"' in self.read(page).partition("<article")[2].partition("</article>")[0], page)
        for page, up in (("reference/index.html", "../"), ("en/reference/index.html", "../../")):
            self.assertIn(f'href="{up}doxygen/files.html"', self.read(page))
        self.assertIn("gather", self.read("doxygen/gather_8hpp.html"))

    def test_a_symbol_is_found_under_its_own_name(self):
        for prefix in ("", "en/"):
            index = json.loads(self.read(f"{prefix}search/search_index.json"))
            self.assertTrue(any(entry["location"] == "reference/api/gather.html#gather" for entry in index["docs"]))

    def test_not_found_speaks_both_languages_and_leads_back_from_any_address(self):
        for page in ("404.html", "en/404.html"):
            text = self.read(page)
            self.assertIn("این صفحه پیدا نشد", text)
            self.assertIn("There is no such page", text)
            self.assertIn('href="/index.html"', text)
            self.assertIn('href="/en/index.html"', text)
            self.assertEqual([a for a in re.findall(r'(?:href|src)="([^"]*)"', text) if not a.startswith(("/", "#", "https:"))], [])
            self.assertEqual([a for a in re.findall(r'(?:href|src)="([^"]*)"', text) if a.startswith("//")], [])

    def test_no_unmarked_c_plus_plus_ends_a_latin_run_in_persian(self):
        for page in self.pages("fa"):
            prose = re.sub(r"<(script|pre|code|style)\b[\s\S]*?</\1>|<[^>]*>", " ", self.read(page))
            self.assertNotRegex(prose, r"C\+\+(?![0-9A-Za-z\u200e])", page)

    def test_a_site_with_an_address_of_its_own(self):
        before = os.environ.get("NAKH_SITE_URL")
        os.environ["NAKH_SITE_URL"] = "https://example.org/nakh/"
        self.addCleanup(lambda: os.environ.pop("NAKH_SITE_URL") if before is None else os.environ.update(NAKH_SITE_URL=before))
        out = self.out.with_name("addressed")
        builder.build(out, OPTIONS.build_dir)
        for page in ("404.html", "en/404.html"):
            text = (out / page).read_text(encoding="utf-8")
            self.assertIn('href="/nakh/index.html"', text)
            self.assertIn('href="/nakh/en/index.html"', text)
        self.assertIn("https://example.org/nakh/en/tutorial/gather.html", (out / "en/sitemap.xml").read_text(encoding="utf-8"))

    def test_a_build_that_fails_leaves_the_last_site(self):
        with self.assertRaises(SiteError):
            builder.build(self.out, self.out / "no-such-build")
        self.assertTrue((self.out / "en/index.html").is_file())
        self.assertEqual([p.name for p in self.out.parent.iterdir() if p.name.startswith("site.")], [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build-dir", type=Path, default=OPTIONS.build_dir)
    OPTIONS, rest = parser.parse_known_args()
    if not shutil.which("mkdocs") and not os.environ.get("CI"):
        print("mkdocs is not installed; the site is not built")
        sys.exit(SKIPPED)
    unittest.main(argv=[sys.argv[0], *rest])
