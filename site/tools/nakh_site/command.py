# SPDX-License-Identifier: BSL-1.0
"""The command line of site/tools/build."""
from __future__ import annotations

import argparse
import sys
import threading
import time
from pathlib import Path

from . import builder, server
from .problem import SiteError


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not HOST:PORT, as in 127.0.0.1:8000")
    return host or "127.0.0.1", int(port)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="site/tools/build", description="Builds the documentation site in Persian and English.")
    p.add_argument("--build-dir", type=Path, default=builder.ROOT / "build/demo", metavar="DIR",
                   help="the CMake build folder that holds the built examples (default: build/demo)")
    p.add_argument("--out", type=Path, default=builder.ROOT / "build/site", metavar="DIR", help="where the site goes (default: build/site)")
    p.add_argument("--staging", type=Path, metavar="DIR", help="where the generated pages go (default: OUT-src)")
    p.add_argument("--serve", type=_address, nargs="?", const=("127.0.0.1", 8000), metavar="HOST:PORT",
                   help="serve the site afterwards and rebuild it on change (default: 127.0.0.1:8000)")
    return p


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    build = lambda: builder.build(options.out, options.build_dir, options.staging)  # noqa: E731
    began = time.monotonic()
    try:
        pages = build()
    except SiteError as error:
        print(f"{error}\nsite: not built, {len(error.problems)} problem{'s' * (len(error.problems) != 1)}", file=sys.stderr)
        if not options.serve or not (options.out / "index.html").is_file():
            return 1
    else:
        print(f"site: {pages} pages in {options.out} ({time.monotonic() - began:.1f} s)")
    return _serve(options, build) if options.serve else 0


def _serve(options: argparse.Namespace, build) -> int:
    state, stop = server.Build(), threading.Event()
    host, port = options.serve
    try:
        web = server.make_server(options.out.resolve(), host, port, state)
    except OSError as error:
        print(f"site: cannot listen on {host}:{port}: {error.strerror}; is it being served already? Name another: --serve 127.0.0.1:8001",
              file=sys.stderr)
        return 1
    root = builder.ROOT
    programs = [options.build_dir.resolve() / p.relative_to(root).with_suffix("") for p in root.glob("examples/**/*.cpp")]
    watched = [*(root / name for name in ("site", "mkdocs.yml", "mkdocs.en.yml", "examples", "CHANGELOG.md", "bench/results", "tests/semantics")),
               *programs]
    watcher = threading.Thread(target=server.rebuild_on_change, daemon=True,
                               args=(watched, build, state, lambda text: print(f"site: {text}", flush=True), stop))
    watcher.start()
    print(f"site: http://{host}:{web.server_address[1]}/ (Persian), http://{host}:{web.server_address[1]}/en/ (English); Ctrl+C ends it", flush=True)
    try:
        web.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        stop.set()
        web.server_close()
    return 0
