# SPDX-License-Identifier: BSL-1.0
"""Runs Doxygen over the public headers: XML for the reference's pages, and Doxygen's own pages, in English."""
from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from .problem import Problem, SiteError, fail

# Debian 12's. Others may miss declarations (1.9.8: those of a namespace that is opened again), so that less can be asked of them.
CHECKED = "1.9.4"
AWESOME = Path("/usr/share/doxygen-awesome-css/doxygen-awesome.css")  # the package's; the pages are plain without it


def xml(root: Path, out: Path) -> Path:
    """The folder with the XML of every symbol that is not the library's own, documented or not."""
    shutil.rmtree(out, ignore_errors=True)
    _run(root, out, GENERATE_XML="YES", XML_PROGRAMLISTING="NO", GENERATE_HTML="NO", EXTRACT_ALL="YES")
    return out / "xml"


def is_checked() -> bool:
    """Whether this is the Doxygen that the headers and the catalogue are held to."""
    return version().startswith(CHECKED)


def version() -> str:
    return subprocess.run(["doxygen", "--version"], capture_output=True, encoding="utf-8", check=True).stdout.strip()


def html(root: Path, out: Path) -> Path:
    """The folder with Doxygen's own pages, and the headers' source with an anchor for each line."""
    shutil.rmtree(out, ignore_errors=True)
    sheet = {"HTML_EXTRA_STYLESHEET": f'"{AWESOME}"'} if AWESOME.is_file() else {}
    _run(root, out, GENERATE_HTML="YES", EXTRACT_ALL="YES", JAVADOC_AUTOBRIEF="YES", SOURCE_BROWSER="YES", GENERATE_TREEVIEW="YES", DISABLE_INDEX="NO",
         FULL_SIDEBAR="NO", HTML_COLORSTYLE_HUE="174", SEARCHENGINE="YES", **sheet)
    return out / "html"


def _run(root: Path, out: Path, **settings: str) -> None:
    if not shutil.which("doxygen"):
        raise fail("doxygen", 0, "is not installed; on Debian and Ubuntu: apt-get install doxygen")
    out.mkdir(parents=True)
    rows = [f'@INCLUDE = "{root / "site/Doxyfile"}"', f'OUTPUT_DIRECTORY = "{out}"', *(f"{k} = {v}" for k, v in settings.items())]
    done = subprocess.run(["doxygen", "-"], cwd=root, input="\n".join(rows) + "\n", capture_output=True, encoding="utf-8", errors="replace",
                          check=False)
    said = [row for row in done.stderr.splitlines() if not _is_no_news(row)]
    if done.returncode != 0:
        raise SiteError([Problem("doxygen", 0, row) for row in said[-5:] or [f"ended with exit code {done.returncode}"]])
    if said:
        raise SiteError([_problem(root, row) for row in said])


def _is_no_news(row: str) -> bool:
    # A newer Doxygen tells of settings that it no longer has; a specialisation in another library's namespace is not looked for.
    return not row.strip() or bool(re.search(r"obsolete|ignoring unsupported tag|Internal inconsistency: scope for class std::", row))


def _problem(root: Path, row: str) -> Problem:
    match = re.match(r"(.*?):(\d+): (?:warning|error): (.*)", row)
    if not match:
        return Problem("doxygen", 0, row)
    path = Path(match.group(1))
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return Problem(str(shown), int(match.group(2)), f"Doxygen: {match.group(3)}")
