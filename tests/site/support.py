# SPDX-License-Identifier: BSL-1.0
"""What the tests of the site share: the tool's modules, and a small project in a temporary folder."""
import json
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "site/tools"))

PROGRAM = """\
// SPDX-License-Identifier: BSL-1.0
#include <iostream>

// [main]
int main() {
  // [greet]
  std::cout << "hello\\n";
  // [greet]
}
// [main]
"""

PAGE = """\
---
title: {title}
---

# {title} {{#top}}

{body}
"""


class Project(unittest.TestCase):
    """A project with one example, whose "binary" is a shell script, and one page in two languages."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve()
        self.write("examples/05-gather/stackful.cpp", PROGRAM)
        self.write("examples/05-gather/output.txt", "hello\n")
        self.binary("examples/05-gather/stackful", "echo hello")
        self.page("fa", "index.md", "سلام")
        self.page("en", "index.md", "Hello")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def binary(self, name, script):
        path = self.write(f"build/dev/{name}", f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def page(self, language, name, body):
        title = "خانه" if language == "fa" else "Home"
        self.write(f"site/{language}/{name}", PAGE.format(title=title, body=textwrap.dedent(body)))

    def both(self, body, name="index.md"):
        """The same page in both languages."""
        for language in ("fa", "en"):
            self.page(language, name, body)

    def translate(self, name, texts, flags=""):
        """A catalogue with these texts alone."""
        from nakh_site.catalogue import HEADER
        rows = [f"{flags}msgid {json.dumps(en, ensure_ascii=False)}\nmsgstr {json.dumps(fa, ensure_ascii=False)}\n" for en, fa in texts.items()]
        self.write(f"site/i18n/{name}.fa.po", HEADER + "\n" + "\n".join(rows))

    def staged(self, language, name):
        return (self.root / "build/site-src" / language / name).read_text(encoding="utf-8")

    def stage(self):
        from nakh_site.pages import Stage
        from nakh_site.programs import Programs
        Stage(self.root, self.root / "build/site-src", Programs(self.root, self.root / "build/dev")).write()

    def refused(self, call=None):
        """The messages with which staging fails."""
        from nakh_site.problem import SiteError
        with self.assertRaises(SiteError) as caught:
            (call or self.stage)()
        return str(caught.exception)
