#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Builds the site from a build's own examples, or takes a built one, and lets browser.mjs look at it in Chromium.

Ends with 77, and says what is missing, where it cannot.
"""
import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from support import ROOT
from nakh_site import builder
from nakh_site.problem import SiteError

HERE = Path(__file__).resolve().parent
SKIPPED = 77


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build/dev")
    parser.add_argument("--site", type=Path, help="a site that is built already")
    options, rest = parser.parse_known_args()
    missing = [name for name in ("node", "mkdocs") if not shutil.which(name)]
    if not (HERE / "node_modules").is_dir():
        missing.append("tests/site/node_modules")
    if missing:
        print(f"skipped: {', '.join(missing)} not here; ./dev setup installs what the browser tests need")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        site = options.site or Path(folder) / "site"
        if not options.site:
            try:
                builder.build(site, options.build_dir)
            except SiteError as error:
                print(f"the site does not build:\n{error}", file=sys.stderr)
                return 1
        return subprocess.run(["node", str(HERE / "browser.mjs"), str(site), *rest], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
