# SPDX-License-Identifier: BSL-1.0
"""The whole build: stage the pages, let MkDocs build both languages, check the result, put it in place in one move."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from . import doxygen, html, search
from .pages import Stage
from .problem import Problem, SiteError, fail
from .programs import Programs
from .reference import SETTINGS, Reference

ROOT = Path(__file__).resolve().parents[3]


def build(out: Path, build_dir: Path, staging: Path | None = None) -> int:
    """Builds the site into `out`, which is replaced only if all went well. Returns the number of pages."""
    out = out.resolve()
    staging = (staging or out.with_name(out.name + "-src")).resolve()
    fresh, old = out.with_name(out.name + ".new"), out.with_name(out.name + ".old")
    if not shutil.which("mkdocs"):
        raise fail("mkdocs", 0, "is not installed; on Debian and Ubuntu: apt-get install mkdocs mkdocs-material")
    work = out.with_name(out.name + "-doxygen")
    with ThreadPoolExecutor(1) as aside:
        own_pages = aside.submit(doxygen.html, ROOT, work / "html")
        reference = Reference.load(ROOT, work / "xml")
        Stage(ROOT, staging, Programs(ROOT, build_dir.resolve()), reference).write()
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _mkdocs("mkdocs.yml", fresh, staging)
        _mkdocs("mkdocs.en.yml", fresh / "en", staging)
        for index in (fresh / "search/search_index.json", fresh / "en/search/search_index.json"):
            search.widen(index)
        shutil.copytree(own_pages.result(), fresh / html.DOXYGEN)
        problems = html.problems(fresh, urlsplit(os.environ.get("NAKH_SITE_URL", "")).path.rstrip("/") + "/")
        if problems:
            raise SiteError(problems)
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        fresh.rename(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    if reference.untranslated:
        print(f"site: {reference.untranslated} paragraphs of the reference are shown in English on Persian pages ({SETTINGS}: pending)")
    return sum(1 for p in out.rglob("*.html") if html.DOXYGEN not in p.relative_to(out).parts)


def _mkdocs(config: str, out: Path, staging: Path) -> None:
    address = os.environ.get("NAKH_SITE_URL", "")
    environment = {**os.environ, "NAKH_SITE_DOCS_FA": str(staging / "fa"), "NAKH_SITE_DOCS_EN": str(staging / "en"),
                   "NAKH_SITE_URL": address, "NAKH_SITE_URL_EN": f"{address.rstrip('/')}/en/" if address else "",
                   "PYTHONDONTWRITEBYTECODE": "1"}
    # The command, never `python3 -m mkdocs`: the python3 found first may be another one.
    done = subprocess.run(["mkdocs", "build", "--strict", "--config-file", str(ROOT / config), "--site-dir", str(out)],
                          env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode != 0:
        said = [row.strip() for row in re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr).splitlines() if row.strip()]
        named = [row for row in said if re.match(r"(WARNING|ERROR)\b", row)] or said[-1:] or [f"mkdocs ended with exit code {done.returncode}"]
        raise SiteError([Problem(config, 0, re.sub(r"^(WARNING|ERROR)\s+-\s+", "", row)) for row in named])
