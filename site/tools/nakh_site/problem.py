# SPDX-License-Identifier: BSL-1.0
"""What is wrong with the site, and where."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Problem:
    path: str
    line: int  # 0: the file as a whole
    text: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.text}"


class SiteError(Exception):
    """One or more problems that stop the build."""

    def __init__(self, problems: Problem | list[Problem]):
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


def fail(path: Path | str, line: int, text: str) -> SiteError:
    return SiteError(Problem(str(path), line, text))
