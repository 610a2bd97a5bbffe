# SPDX-License-Identifier: BSL-1.0
"""Runs the built examples on the virtual clock and holds what they print to the stored output."""
from __future__ import annotations

import difflib
import os
import subprocess
import tempfile
from pathlib import Path

from . import trace
from .problem import Problem, SiteError, fail

SECONDS_TO_RUN = 20  # in virtual time every example ends at once


class Programs:
    """Captured outputs and traces; each program runs once a build for either.

    `examples/05-gather` means its program `stackful` and the output in `output.txt`; an exercise's folder holds `solution`. A
    name with the file (`examples/05-gather/stackful`) says it outright. The binary of `examples/X/p` is `<build>/examples/X/p`.
    """

    def __init__(self, root: Path, build_dir: Path):
        self.root = root
        self.build_dir = build_dir
        self._outputs: dict[Path, str] = {}
        self._traces: dict[Path, trace.Trace] = {}

    def locate(self, name: str) -> tuple[Path, Path]:
        """The binary and the stored output of `name`."""
        source = self.root / name
        if source.is_dir():
            for stem in ("stackful", "solution"):
                if (source / f"{stem}.cpp").is_file():
                    return self.build_dir / name / stem, source / "output.txt"
            raise fail(name, 0, "holds neither stackful.cpp nor solution.cpp")
        if source.with_suffix(".cpp").is_file():
            return self.build_dir / source.with_suffix("").relative_to(self.root), source.parent / "output.txt"
        raise fail(name, 0, "no such example")

    def output(self, name: str) -> str:
        """What the program prints, once it is the same as what is stored."""
        binary, stored = self.locate(name)
        if binary not in self._outputs:
            self._outputs[binary] = self._run_and_compare(name, binary, stored)
        return self._outputs[binary]

    def trace(self, name: str) -> trace.Trace:
        """Who ran when, of a program that prints what it must."""
        binary, stored = self.locate(name)
        if binary not in self._traces:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "trace"
                self._outputs[binary] = self._run_and_compare(name, binary, stored, {"NAKH_TRACE": str(file)})
                text = file.read_text(encoding="utf-8") if file.is_file() else ""
            self._traces[binary] = trace.read(name, text)
        return self._traces[binary]

    def _run_and_compare(self, name: str, binary: Path, stored: Path, more: dict[str, str] | None = None) -> str:
        if not binary.is_file():
            raise fail(name, 0, f"is not built: {binary} does not exist (build the examples first, or say --build-dir)")
        shown = stored.relative_to(self.root)
        if not stored.is_file():
            raise fail(shown, 0, "does not exist; it holds what the program must print")
        printed = self._run(name, binary, more or {})
        expected = stored.read_text(encoding="utf-8")
        if printed != expected:
            raise SiteError(drift(str(shown), expected, printed, name))
        return printed

    def _run(self, name: str, binary: Path, more: dict[str, str]) -> str:
        environment = {**os.environ, "NAKH_CLOCK": "virtual", "LC_ALL": "C.UTF-8", **more}
        try:
            done = subprocess.run([str(binary.resolve())], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=SECONDS_TO_RUN, encoding="utf-8", errors="replace", check=False)
        except subprocess.TimeoutExpired:
            raise fail(name, 0, f"did not end within {SECONDS_TO_RUN} s on the virtual clock") from None
        except OSError as error:
            raise fail(name, 0, f"cannot be run: {error}") from None
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise fail(name, 0, f"ended with exit code {done.returncode}: {said[0]}")
        return done.stdout


def drift(stored: str, expected: str, printed: str, name: str) -> Problem:
    """The first line that differs, and the whole difference."""
    want, have = expected.splitlines(), printed.splitlines()
    line = next((i for i, (a, b) in enumerate(zip(want, have), 1) if a != b), min(len(want), len(have)) + 1)
    difference = "\n".join("    " + row for row in difflib.unified_diff(want, have, "stored", "printed", lineterm="", n=1))
    if not difference:  # only the end of the last line differs
        difference = "    (the end of the file differs: a newline too many or too few)"
    return Problem(stored, line, f"{name} now prints something else; if that is right, store it\n{difference}")
