# SPDX-License-Identifier: BSL-1.0
"""The site's colours have enough contrast, in both schemes; its style sheet keeps Persian whole."""
import re
import unittest

from support import ROOT

SHEET = (ROOT / "site/theme/assets/nakh/nakh.css").read_text(encoding="utf-8")
ON_PAGE = ["--md-default-fg-color", "--md-default-fg-color--light", "--md-typeset-a-color", "--md-accent-fg-color", "--nakh-saffron",
           "--nakh-turquoise"]
ON_CODE = ["--md-code-fg-color", *(f"--md-code-hl-{name}-color" for name in (
    "number", "special", "function", "constant", "keyword", "string", "operator", "punctuation", "comment", "generic", "variable"))]
PAIRS = [(text, "--md-default-bg-color") for text in ON_PAGE + ON_CODE] + [
    (text, "--md-code-bg-color") for text in ON_CODE + ["--md-typeset-a-color"]] + [
    ("--md-primary-bg-color", "--md-primary-fg-color"),
    ("--md-footer-fg-color--lighter", "--md-footer-bg-color--dark"),
    ("--md-footer-fg-color--light", "--md-footer-bg-color"),
]


def variables(scheme):
    light = dict(re.findall(r"(--[\w-]+):\s*([^;]+);", re.search(r"\[data-md-color-scheme=\"default\"\] \{(.*?)\n\}", SHEET, re.S)[1]))
    if scheme == "default":
        return light
    return light | dict(re.findall(r"(--[\w-]+):\s*([^;]+);", re.search(r"\[data-md-color-scheme=\"slate\"\] \{(.*?)\n\}", SHEET, re.S)[1]))


def luminance(colour):
    digits = colour.removeprefix("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


class Style(unittest.TestCase):
    def test_contrast(self):
        for scheme in ("default", "slate"):
            known = variables(scheme)
            for text, ground in PAIRS:
                with self.subTest(scheme=scheme, text=text, ground=ground):
                    self.assertGreaterEqual(contrast(known[text], known[ground]), 4.5)

    def test_the_measure_itself(self):
        self.assertAlmostEqual(contrast("#000", "#ffffff"), 21)
        self.assertAlmostEqual(contrast("#767676", "#fff"), 4.54, places=2)

    def test_persian_is_kept_whole(self):
        for rule in ("letter-spacing: normal", "line-height: 1.95", "list-style-type: persian", "unicode-bidi: isolate"):
            self.assertIn(rule, SHEET)

    def test_both_configurations_list_the_same_pages(self):
        listed = [re.findall(r"[\w/-]+\.md\b", (ROOT / name).read_text(encoding="utf-8").partition("\nnav:")[2])
                  for name in ("mkdocs.yml", "mkdocs.en.yml")]
        self.assertEqual(listed[0], listed[1])
        pages = sorted(str(p.relative_to(ROOT / "site/fa")) for p in (ROOT / "site/fa").rglob("*.md"))
        self.assertEqual(sorted(p for p in listed[0] if not p.startswith("reference/api/")), pages)

    def test_the_navigation_lists_every_public_header(self):
        headers = [p.relative_to(ROOT / "include/nakh").with_suffix("") for p in (ROOT / "include/nakh").rglob("*.hpp")]
        public = sorted(f"reference/api/{h}.md" for h in headers if h.parts[0] != "detail" and str(h) not in ("stackless/line", "stackless/foreign"))
        navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
        self.assertEqual(sorted(re.findall(r"reference/api/[\w/-]+\.md\b", navigation)), public)


if __name__ == "__main__":
    unittest.main()
