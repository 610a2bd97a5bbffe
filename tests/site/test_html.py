# SPDX-License-Identifier: BSL-1.0
"""The checks of built pages find what they are for."""
import unittest

from support import Project
from nakh_site import html

FA = '<html lang="fa"><body id="top"><a data-nakh-twin href="./en/{name}">English</a>{body}</body></html>'
EN = '<html lang="en"><body id="top"><a data-nakh-twin href="./../{name}">فارسی</a>{body}</body></html>'


class Html(Project):
    def setUp(self):
        super().setUp()
        self.out = self.root / "out"
        self.put()

    def put(self, body="", head=""):
        self.write("out/index.html", FA.format(name="index.html", body=head + body))
        self.write("out/en/index.html", EN.format(name="index.html", body=""))

    def said(self):
        return "\n".join(map(str, html.problems(self.out)))

    def test_a_sound_site(self):
        self.write("out/a.css", "@font-face{src:url(f.woff2)} a{background:url('data:image/svg+xml,x')}")
        self.write("out/f.woff2", "")
        self.put('<a href="#top">x</a><a href="en/#top">y</a><a href="https://example.org/">z</a><a href="mailto:a@b">m</a>'
                 '<link rel="stylesheet" href="a.css"><a href="f.woff2">f</a>')
        self.assertEqual(self.said(), "")

    def test_what_is_fetched_from_another_host(self):
        for tag in ('<script src="https://example.org/a.js"></script>', '<img src="//example.org/a.png">',
                    '<link rel="stylesheet" href="http://example.org/a.css">', '<link rel="preconnect" href="https://example.org">',
                    '<img srcset="https://example.org/a.png 2x">', '<style>@import "https://example.org/a.css";</style>',
                    '<p style="background:url(https://example.org/a.png)">', '<iframe src="https://example.org"></iframe>',
                    '<form action="https://example.org">', '<svg><use href="https://example.org/a.svg#x"/></svg>'):
            self.put(tag)
            self.assertIn("index.html:1: fetches from another host", self.said(), tag)

    def test_a_style_sheet_that_fetches(self):
        self.write("out/a.css", '@import "https://example.org/a.css";')
        self.assertIn("a.css: fetches from another host", self.said())
        self.write("out/a.css", "a{src:url(none.woff2)}")
        self.assertIn("a.css: refers to none.woff2", self.said())

    def test_style_sheets_of_doxygen_may_lack_a_picture_but_ask_no_other_host(self):
        self.write("out/doxygen/a.css", "a{background:url(none.svg)}")
        self.assertEqual(self.said(), "")
        self.write("out/doxygen/a.css", '@import "https://example.org/a.css";')
        self.assertIn("doxygen/a.css: fetches from another host", self.said())

    def test_links_that_lead_nowhere(self):
        for address in ("none.html", "en/none.html", "../index.html", "/none/", "none/#top"):
            self.put(f'<a href="{address}">x</a>')
            self.assertIn(f"index.html:1: leads nowhere: {address}", self.said())

    def test_a_site_below_the_root_of_its_host(self):
        self.put('<a href="/nakh/en/index.html#top">x</a><a href="/nakh/">y</a>')
        self.assertEqual(html.problems(self.out, "/nakh/"), [])
        self.put('<a href="/index.html">x</a>')
        self.assertIn("leads nowhere: /index.html", str(html.problems(self.out, "/nakh/")[0]))

    def test_missing_anchors(self):
        self.put('<a href="#none">x</a>')
        self.assertIn("leads to a missing anchor: #none", self.said())
        self.put('<a href="en/index.html#none">x</a>')
        self.assertIn("leads to a missing anchor", self.said())

    def test_the_language_link_leads_to_the_same_page(self):
        self.write("out/b.html", FA.format(name="index.html", body=""))
        self.write("out/en/b.html", EN.format(name="b.html", body=""))
        self.assertEqual(self.said(), "b.html: its language link leads to en/index.html, not to en/b.html")

    def test_a_page_without_a_language_link(self):
        self.write("out/index.html", '<html lang="fa"></html>')
        self.assertIn("index.html: has no link to its twin", self.said())


if __name__ == "__main__":
    unittest.main()
