# SPDX-License-Identifier: BSL-1.0
"""Persian text of what has only English in the sources: gettext catalogues in site/i18n, `reference` with the paragraphs of the
headers' comments and `behaviours` with the names of the tests. A msgid is the English text.

gettext's own programs read and merge it (msgcmp, msgfmt, msgmerge, msgattrib); here only the template is written.
"""
from __future__ import annotations

import gettext
import io
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from . import persian
from .problem import Problem, SiteError, fail

UPDATE = "site/tools/catalogue update"
CODE = re.compile(r"`[^`]*`")
# "asyncio.gather (CPython 3.14)." is no sentence; "Always." is one.
NAME_ONLY = re.compile(r"(?=\w+(?:\.\w| ?\())[\w.]+(?:\([\w=.]*\))?(?: \((?:CPython )?[\d.]+\))?\.?")
HEADER = """\
# SPDX-License-Identifier: BSL-1.0
msgid ""
msgstr ""
"Project-Id-Version: Nakh\\n"
"Language: fa\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"
"""


class Text(str):
    """A paragraph, with the header that it is in, if it is in one, and the symbol or the row that it tells of."""

    header: str
    symbol: str

    @staticmethod
    def of(text: str, header: str, symbol: str) -> Text:
        made = Text(text)
        made.header, made.symbol = header, symbol
        return made


def template(texts: Iterable[Text]) -> str:
    """The catalogue without translations, each text once."""
    entries: dict[str, list[Text]] = {}
    for text in texts:
        if NAME_ONLY.fullmatch(text):
            continue
        entries.setdefault(str(text), []).append(text)
    out = [HEADER]
    for text, uses in entries.items():
        symbols = list(dict.fromkeys(u.symbol for u in uses))
        files = list(dict.fromkeys(f"include/{u.header}" for u in uses if u.header))
        out.append("#. " + ", ".join(symbols[:4]) + (f" and {len(symbols) - 4} more" if len(symbols) > 4 else "")
                   + "".join(f"\n#: {file}" for file in files) + f'\nmsgid "{_quoted(text)}"\nmsgstr ""\n')
    return "\n".join(out)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


class _Missing(gettext.NullTranslations):
    def gettext(self, message: str) -> str:
        return ""


def path_of(root: Path, name: str) -> Path:
    return root / f"site/i18n/{name}.fa.po"


class Catalogue:
    def __init__(self, root: Path, name: str = "reference"):
        self.path = path_of(root, name)
        self.shown = str(self.path.relative_to(root))
        if not self.path.is_file():
            raise fail(self.shown, 0, f"does not exist; make it with {UPDATE}")
        self._translations = gettext.GNUTranslations(io.BytesIO(_gettext("msgfmt", "-o", "-", str(self.path))))
        self._translations.add_fallback(_Missing())

    def translation(self, text: str) -> str:
        """The Persian of `text`; "" when there is none that a person has looked at."""
        return str(text) if NAME_ONLY.fullmatch(text) else self._translations.gettext(str(text))

    def problems(self, texts: list[Text], pending: set[str]) -> list[Problem]:
        """Texts without a translation, translations without a text, and those that were made for another text."""
        wanted = [t for t in texts if t.header not in pending or self.translation(t)]
        done = subprocess.run(["msgcmp", str(self.path), "-"], input=template(wanted), capture_output=True, encoding="utf-8", check=False,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "C"})
        said: dict[tuple[str, int], str] = {}  # an entry that is not translated is also said to be used by nobody
        for row in done.stderr.splitlines():
            match = re.match(r"(.*?):(\d+): (?:warning: )?(.*)", row)
            if match and not (pending and "not used" in row):
                place = match.group(1), int(match.group(2))
                said[place] = match.group(3) if "not used" not in match.group(3) else said.get(place, match.group(3))
        found = [self._problem(wanted, line, text) for (_, line), text in said.items()]
        for text in dict.fromkeys(wanted):
            found += self._bad(text, self.translation(text))
        return found

    def _problem(self, wanted: list[Text], line: int, said: str) -> Problem:
        if "used but not defined" in said:
            entry = [row for row in template(wanted).split("\n")[:line] if row.startswith("msgid ")][-1]
            return Problem(self.shown, 0, f"lacks {entry.removeprefix('msgid ')}; put it there with `{UPDATE}`, and translate it")
        if "not used" in said:
            return Problem(self.shown, line, f"nothing says this any more; take it out with `{UPDATE}`")
        what = "is a guess made from another text; look at it, and take the word fuzzy away" if "review" in said else "is not translated"
        return Problem(self.shown, line, f"{what} (after a change of the English: `{UPDATE}`)")

    def _bad(self, text: Text, translation: str) -> list[Problem]:
        found = []
        if NAME_ONLY.fullmatch(text):
            return []
        # The name of a test has no marks for code.
        if text.header and translation and set(CODE.findall(text)) != set(CODE.findall(translation)):
            lost = sorted(set(CODE.findall(text)) ^ set(CODE.findall(translation)))
            found.append(Problem(self.shown, 0, f"code differs between text and translation ({', '.join(lost)}): {text[:60]}"))
        found += [Problem(self.shown, 0, p.text) for p in persian.problems(self.shown, translation)]
        return found


def update(root: Path, texts: list[Text], name: str = "reference") -> tuple[int, int]:
    """Brings the catalogue up to the texts. Returns how many texts there are, and how many of them wait for a translator."""
    path = path_of(root, name)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER, encoding="utf-8")
    merged = _gettext("msgmerge", "--no-wrap", "--quiet", "-o", "-", str(path), "-", given=template(texts))
    path.write_bytes(_gettext("msgattrib", "--no-obsolete", "--no-wrap", "-", given=merged.decode()))
    made = Catalogue(root, name)
    return sum(1 for text in set(texts) if not NAME_ONLY.fullmatch(text)), sum(1 for text in set(texts) if not made.translation(text))


def _gettext(*command: str, given: str = "") -> bytes:
    if not shutil.which(command[0]):
        raise fail(command[0], 0, "is not installed; on Debian and Ubuntu: apt-get install gettext")
    done = subprocess.run(command, input=given.encode(), capture_output=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "C"})
    if done.returncode != 0:
        raise SiteError([Problem(command[0], 0, row) for row in done.stderr.decode(errors="replace").splitlines() if row.strip()])
    return done.stdout
