# SPDX-License-Identifier: BSL-1.0
"""The reference: symbols from headers, what their comments must say, the Persian catalogue, pages, and links both ways."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from support import ROOT, Project

from nakh_site import catalogue, doxygen, html, symbols
from nakh_site.pages import Stage
from nakh_site.problem import SiteError
from nakh_site.programs import Programs
from nakh_site.reference import Reference

HEADER = """\
// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace nakh {

namespace detail {
struct inner {};
}  // namespace detail

/// Settings of a `gather`.
struct options {
  int most = 3;  ///< How many; see `gather`.
  /// For the library.
  int hidden = 0;
};

/// Waits for what was given to it, `options::most` at a time.
///
/// - `box`: so
/// - two: otherwise
///
/// ```
/// gather(1);
/// ```
/// @param x  What to wait for.
/// @throws box, std::bad_alloc  when it fails
/// @throws whatever a job throws
/// @par Suspends       Always.
/// @par Thread safety  The loop's thread only,
///                     whatever else.
/// @par Source         asyncio.gather (CPython 3.14).
template <class T>
  requires(sizeof(T) > 1)
T gather(T x);
template <class T, class U>
T gather(T x, U y);
/// With a name.
int gather(const char* name);

/// Holds one.
/// @par Thread safety  As int.
class box {
 public:
  using value_type = int;
  box() noexcept = default;
  box(const box&) = delete;
  box& operator=(const box&) = delete;
  /// Puts `x` in, as `gather` does.
  void put(int x);
  /// The same, `put` to a test.
  bool try_put(int x);
  /// For the library.
  explicit box(detail::inner x);
  explicit box(detail::inner x, int y);

 private:
  int x_;
};

/// A box with a lid.
class lidded : public box {
 public:
  /// Shuts it, after the last `put`.
  void shut();
};

}  // namespace nakh
"""
SETTINGS = """\
pending = [{pending}]

[[group]]
fa = "همه"
en = "All"
headers = ["nakh/thing.hpp"]
"""
NAV = "nav:\n  - {top}:\n      - {group}:\n          - reference/api/thing.md\n"
PERSIAN = {
    "Settings of a `gather`.": "تنظیم‌های یک `gather`.",
    "How many; see `gather`.": "چندتا؛ نگاه کنید به `gather`.",
    "Waits for what was given to it, `options::most` at a time.": "منتظر می‌ماند، هر بار `options::most`.",
    "`box`: so": "`box`: چنین",
    "two: otherwise": "دو: چنان",
    "What to wait for.": "منتظر چه بماند.",
    "when it fails": "وقتی شکست بخورد",
    "whatever a job throws": "هر چه کاری پرتاب کند",
    "Always.": "همیشه.",
    "The loop's thread only, whatever else.": "فقط رشتهٔ حلقه.",
    "With a name.": "با یک نام.",
    "Holds one.": "یکی را نگه می‌دارد.",
    "As int.": "مثل int.",
    "Puts `x` in, as `gather` does.": "`x` را می‌گذارد، مثل `gather`.",
    "The same, `put` to a test.": "همان، با آزمودنِ `put`.",
    "A box with a lid.": "جعبه‌ای در‌دار.",
    "Shuts it, after the last `put`.": "پس از آخرین `put` می‌بنددش.",
}


def line_of(row):
    return HEADER.split("\n").index(row) + 1


MISSING = [name for name in ("doxygen", "msgcmp") if not shutil.which(name)]


KEPT = tempfile.TemporaryDirectory()
READ = {}
run_doxygen = doxygen.xml


def xml_once(root, _out):
    """Doxygen's XML, read once for headers that are the same."""
    key = tuple(sorted((str(p.relative_to(root)), p.read_text(encoding="utf-8")) for p in (root / "include").rglob("*.hpp")))
    if key not in READ:
        READ[key] = run_doxygen(root, Path(KEPT.name) / str(len(READ)))
    return READ[key]


@unittest.skipIf(MISSING and not os.environ.get("CI"), f"{', '.join(MISSING)}: not installed")
class Headers(Project):
    def setUp(self):
        super().setUp()
        strict = mock.patch.object(doxygen, "is_checked", lambda: True)  # these few headers are the same to every Doxygen
        strict.start()
        self.addCleanup(strict.stop)
        once = mock.patch.object(doxygen, "xml", xml_once)
        once.start()
        self.addCleanup(once.stop)
        (self.root / "site").mkdir(exist_ok=True)
        shutil.copy(ROOT / "site/Doxyfile", self.root / "site/Doxyfile")
        self.header(HEADER)
        self.write("site/reference.toml", SETTINGS.format(pending=""))
        self.write("mkdocs.yml", NAV.format(top="مرجع", group="همه"))
        self.write("mkdocs.en.yml", NAV.format(top="Reference", group="All"))
        self.translate("reference", PERSIAN)

    def header(self, text):
        self.write("include/nakh/thing.hpp", text)

    def change(self, old, new):
        self.assertIn(old, HEADER)
        self.header(HEADER.replace(old, new))

    def load(self):
        return Reference.load(self.root, self.root / "build/xml")

    def symbols(self):
        return symbols.Reader(doxygen.xml(self.root, self.root / "build/xml")).headers()

    def entries(self):
        return {e.name: e for e in self.symbols()["nakh/thing.hpp"].walk()}

    def refused_to_load(self):
        return self.refused(self.load)

    def stage(self):
        self.reference = self.load()
        Stage(self.root, self.root / "build/site-src", Programs(self.root, self.root / "build/dev"), self.reference).write()

    def generated(self, language):
        return self.staged(language, "reference/api/thing.md")


class Symbols(Headers):
    def test_what_is_public_and_what_is_not(self):
        self.assertEqual(sorted(self.entries()), ["nakh::box", "nakh::box::put", "nakh::box::try_put", "nakh::gather", "nakh::lidded",
                                                  "nakh::lidded::shut", "nakh::options", "nakh::options::most"])

    def test_functions_of_one_name_are_one_entry(self):
        gather = self.entries()["nakh::gather"]
        self.assertEqual([d.signature for d in gather.declarations], ["template <class T>\n  requires (sizeof(T) > 1)\nT gather(T x);",
                                                                      "template <class T, class U>\nT gather(T x, U y);",
                                                                      "int gather(const char* name);"])
        self.assertEqual([bool(d.doc) for d in gather.declarations], [True, False, True])

    def test_a_comment_in_its_parts(self):
        doc = self.entries()["nakh::gather"].declarations[0].doc
        self.assertEqual([(b.kind, b.text) for b in doc.blocks], [("text", "Waits for what was given to it, `options::most` at a time."),
                                                                  ("item", "`box`: so"), ("item", "two: otherwise"), ("code", "gather(1);\n")])
        self.assertEqual(doc.params, [("x", "What to wait for.")])
        self.assertEqual(doc.throws, [("box, std::bad_alloc", "when it fails"), ("", "whatever a job throws")])
        self.assertEqual(doc.facts, {"Suspends": "Always.", "Thread safety": "The loop's thread only, whatever else.",
                                     "Source": "asyncio.gather (CPython 3.14)."})

    def test_anchors_are_latin_and_speak(self):
        for name, anchor in (("task", "task"), ("task::uncancel", "task-uncancel"), ("a::operator bool", "a-operator-bool"),
                             ("a::operator()", "a-operator-call"), ("a::operator==", "a-operator-equal"), ("a::~a", "a-destroy-a")):
            self.assertEqual(symbols.anchor_of(name), anchor)

    def test_an_undocumented_symbol(self):
        self.change("  /// Puts `x` in, as `gather` does.\n", "")
        self.assertIn(f"include/nakh/thing.hpp:{line_of('  void put(int x);') - 1}: nakh::box::put is not documented", self.refused_to_load())

    def test_thread_safety_is_asked_for_and_may_be_said_of_the_header_or_a_base(self):
        self.change("/// @par Thread safety  As int.\n", "")
        said = self.refused_to_load()
        self.assertIn("nakh::box lacks `@par Thread safety`", said)
        self.assertIn("nakh::lidded lacks `@par Thread safety`", said)
        self.header("/// @file\n/// @par Thread safety  As int.\n" + HEADER.replace("/// @par Thread safety  As int.\n", ""))
        self.load()

    def test_the_source_of_what_has_a_name_of_asyncio(self):
        self.change("/// @par Source         asyncio.gather (CPython 3.14).\n", "")
        self.assertIn("nakh::gather lacks `@par Source`", self.refused_to_load())

    def test_a_heading_that_nobody_knows(self):
        self.change("@par Suspends  ", "@par Sleeps")
        self.assertIn("@par Sleeps Always.: there are Suspends, Thread safety, Complexity, Source", self.refused_to_load())

    def test_a_namespace_is_no_place_for_a_comment(self):
        self.change("namespace nakh {\n", "/// All of it.\nnamespace nakh {\n")
        self.assertIn("namespace nakh is documented; say it of the header", self.refused_to_load())

    def test_a_comment_that_doxygen_does_not_understand(self):
        self.change("/// @param x  What", "/// @param z  What")
        self.assertIn("argument 'z' of command @param is not found", self.refused_to_load())

    def test_a_header_that_is_nowhere_listed(self):
        self.write("include/nakh/other.hpp", "/// @file\n/// Another.\n#pragma once\n")
        self.assertIn("site/reference.toml: does not list include/nakh/other.hpp", self.refused_to_load())

    def test_a_navigation_that_is_behind(self):
        self.write("mkdocs.en.yml", "nav:\n  - index.md\n")
        said = self.refused_to_load()
        self.assertIn("mkdocs.en.yml: its navigation does not list the headers", said)
        self.assertIn("      - All:\n          - reference/api/thing.md", said)


class Translation(Headers):
    def test_a_missing_text_is_named_with_the_command(self):
        self.translate("reference", {k: v for k, v in PERSIAN.items() if k != "Holds one."})
        self.assertEqual(self.refused_to_load(), 'site/i18n/reference.fa.po: lacks "Holds one."; put it there with '
                                                 "`site/tools/catalogue update`, and translate it")

    def test_an_empty_a_guessed_and_a_stale_one(self):
        self.translate("reference", {**PERSIAN, "Holds one.": ""})
        self.assertRegex(self.refused_to_load(), r"^site/i18n/reference.fa.po:\d+: is not translated [^\n]*$")
        self.translate("reference", PERSIAN, flags="#, fuzzy\n")
        self.assertRegex(self.refused_to_load(), r"^site/i18n/reference.fa.po:\d+: is a guess made from another text")
        self.translate("reference", {**PERSIAN, "Gone.": "رفت."})
        self.assertRegex(self.refused_to_load(), r"^site/i18n/reference.fa.po:\d+: nothing says this any more; take it out with")

    def test_no_catalogue(self):
        (self.root / "site/i18n/reference.fa.po").unlink()
        self.assertIn("does not exist; make it with site/tools/catalogue update", self.refused_to_load())

    def test_code_must_be_the_same_and_persian_is_checked(self):
        self.translate("reference", {**PERSIAN, "Settings of a `gather`.": "تنظیم‌های یک `wait`."})
        self.assertIn("code differs between text and translation (`gather`, `wait`): Settings of a", self.refused_to_load())
        self.translate("reference", {**PERSIAN, "Always.": "همیشه 3 بار."})
        self.assertIn("Latin digit in Persian prose", self.refused_to_load())

    def test_update_puts_in_keeps_and_takes_out(self):
        self.translate("reference", {"Always.": "همیشه.", "Gone.": "رفت."})
        texts = Reference(self.root, doxygen.xml(self.root, self.root / "build/xml")).texts()
        self.assertEqual(catalogue.update(self.root, texts), (len(PERSIAN), len(PERSIAN) - 1))
        written = (self.root / "site/i18n/reference.fa.po").read_text(encoding="utf-8")
        self.assertIn('#. nakh::box\n#: include/nakh/thing.hpp\nmsgid "Holds one."\nmsgstr ""', written)
        self.assertIn('msgid "Always."\nmsgstr "همیشه."', written)
        self.assertNotIn("Gone", written)
        self.assertNotIn("asyncio.gather", written)  # a name, no sentence

    def test_a_pending_header_shows_and_counts_what_lacks(self):
        self.write("site/reference.toml", SETTINGS.format(pending='"nakh/thing.hpp"'))
        self.translate("reference", {k: v for k, v in PERSIAN.items() if k not in ("Holds one.", "As int.")})
        self.stage()
        self.assertEqual(self.reference.untranslated, 2)
        self.assertIn("۲ بند از ۱۸ بندِ این صفحه هنوز ترجمه نشده", self.generated("fa"))
        self.assertIn('<span lang="en" dir="ltr">Holds one.</span>', self.generated("fa"))
        self.assertIn("Waiting for a Persian translation: 2 of this page's 18 paragraphs", self.generated("en"))


class Pages(Headers):
    def test_both_languages_with_the_same_anchors(self):
        self.stage()
        headings = [re.findall(r"^#+ .*\{#(.*)\}$", self.generated(language), re.M) for language in ("fa", "en")]
        self.assertEqual(headings[0], headings[1])
        self.assertEqual(headings[0], ["header", "options", "gather", "box", "box-put", "box-try_put", "lidded", "lidded-shut"])
        self.assertIn("یکی را نگه می‌دارد.", self.generated("fa"))
        self.assertIn("Holds one.", self.generated("en"))
        self.assertNotIn("Holds one.", self.generated("fa"))

    def test_names_in_code_lead_to_their_symbols(self):
        self.stage()
        page = self.generated("en")
        self.assertIn("Waits for what was given to it, [`options::most`](#options-most) at a time.", page)
        self.assertIn('| <span id="options-most"></span>`int most = 3` | How many; see [`gather`](#gather). |', page)
        self.assertIn("\n- `box`: so\n", page)  # what an item begins with is what it is about
        self.assertIn("Puts `x` in, as [`gather`](#gather) does.", page)  # x is its own parameter
        self.assertIn("Shuts it, after the last [`put`](#box-put).", page)  # a member of the base
        self.assertIn("Inherits\n:   [`box`](#box)", page)

    def test_facts_as_a_list(self):
        self.stage()
        self.assertIn("Throws\n:   - [`box`](#box), `std::bad_alloc`: when it fails\n    - whatever a job throws\n\nSuspends\n:   Always.\n\n"
                      "Thread safety\n:   The loop's thread only, whatever else.", self.generated("en"))
        self.assertIn("تعلیق\n:   همیشه.", self.generated("fa"))

    def test_the_place_in_the_source(self):
        self.stage()
        line = line_of("class box {")
        for language, up in (("fa", "../../"), ("en", "../../../")):
            self.assertIn(f'<a href="{up}doxygen/thing_8hpp_source.html#l{line:05}"><code>include/nakh/thing.hpp:{line}</code></a>',
                          self.generated(language))
        self.assertIn(f'id="l{line:05}"', (doxygen.html(self.root, self.root / "build/html") / "thing_8hpp_source.html").read_text(encoding="utf-8"))

    def test_links_of_pages_and_where_a_symbol_is_shown(self):
        for language, title in (("fa", "جعبه"), ("en", "A box")):
            self.write(f"site/{language}/deep/a.md", f"---\ntitle: {title}\n---\n\n# `box` {{#top}}\n\n[`nakh::box`][], [`nakh::lidded::put`][], "
                                                     "[a word][nakh::gather], [`nakh/thing.hpp`][], `[`nakh::box`][]`\n")
        self.write("examples/05-gather/stackful.cpp", "int main() { nakh::gather(1); nakh::options::none(); nakh::unheard::of(); }\n")
        self.both("{{ code examples/05-gather/stackful.cpp }}")
        self.stage()
        self.assertIn("[`nakh::box`](../reference/api/thing.md#box), [`nakh::lidded::put`](../reference/api/thing.md#box-put), "
                      "[a word](../reference/api/thing.md#gather), [`nakh/thing.hpp`](../reference/api/thing.md#header)",
                      self.staged("en", "deep/a.md"))
        page = self.generated("fa")
        self.assertIn("در این صفحه‌ها\n:   - [جعبه](../../deep/a.md)\n    - [خانه](../../index.md)\n", page)
        self.assertIn("Shown in\n:   [Home](../../index.md)\n\nClass, <a href=\"../../../doxygen/thing_8hpp_source.html#l00011\">",
                      self.generated("en"))

    def test_a_link_to_nothing(self):
        self.both("[`nakh::gathr`][]")
        self.assertIn("site/en/index.md:7: no public symbol or header is called nakh::gathr; there is nakh::gather", self.refused())

    def test_lists_of_headers_and_symbols(self):
        self.both("{{ headers }}\n\n{{ symbols }}", "reference/all.md")
        self.stage()
        page = self.staged("en", "reference/all.md")
        self.assertIn("## All {#all}\n\n| header | symbols |\n|---|---|\n| [`nakh/thing.hpp`](api/thing.md) | [`options`](api/thing.md#options), ", page)
        self.assertIn("## T {#t}\n\n- [`box::try_put`](api/thing.md#box-try_put): function, [`nakh/thing.hpp`](api/thing.md)", page)

    def test_a_page_of_its_own_may_not_have_a_generated_ones_name(self):
        self.both("x", "reference/api/thing.md")
        self.assertIn("site/en/reference/api/thing.md: has the name of a generated page", self.refused())


class Built(Headers):
    def test_doxygens_own_pages_need_no_twins_and_are_looked_at_only_as_targets(self):
        self.write("out/doxygen/a.html", '<a href="nowhere.html#x">a</a><a id="l1"></a>')
        self.write("out/index.html", '<html lang="fa"><a href="doxygen/a.html#l1"></a><a data-nakh-twin href="en/index.html"></a></html>')
        self.write("out/en/index.html", '<html lang="en"><a href="../doxygen/a.html#l2"></a><a data-nakh-twin href="../index.html"></a></html>')
        self.assertEqual([str(p) for p in html.problems(self.root / "out")], ["en/index.html:1: leads to a missing anchor: ../doxygen/a.html#l2"])

    def test_the_catalogue_command_says_how_it_is_used(self):
        done = subprocess.run([str(ROOT / "site/tools/catalogue"), "frob"], capture_output=True, encoding="utf-8", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("site/tools/catalogue update", done.stderr)


if __name__ == "__main__":
    unittest.main()
