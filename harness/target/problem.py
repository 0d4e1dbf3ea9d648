# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a target file, and on which line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

Where = tuple[str | int, ...]
"""The way to a value from the top of the file: keys of mappings, and places in lists from 0."""


@dataclass(frozen=True)
class Fault:
    """Something wrong at a place of the file that is known by the way to it. A warning: not an error, hardly meant."""

    where: Where
    text: str
    warning: bool = False


@dataclass(frozen=True)
class Problem:
    """Something wrong, and the line that it is on."""

    file: str
    line: int
    text: str
    warning: bool = False

    def __str__(self) -> str:
        # Names and texts of the file are in it, with any line ends.
        text = " ".join(self.text.splitlines())
        return f"{self.file}:{self.line}: {'warning' if self.warning else 'error'}: {text}"


class TargetFileError(Exception):
    """The file cannot be read any further."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def hint(name: object, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known name that is closest."""
    close = get_close_matches(str(name), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
