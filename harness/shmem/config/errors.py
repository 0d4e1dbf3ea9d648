# SPDX-License-Identifier: Apache-2.0
"""Where something stands in a configuration, and the error that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from harness.errors import HarnessError


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a configuration text; line and column count from 1, in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


NOWHERE: Final = Position("", 0, 0)
"""The position of a thing that was built by a program and not read from a text."""


class ConfigError(HarnessError):
    """A configuration that qvm would not accept, or that the harness cannot understand.

    ``problem`` says what is wrong, ``found`` and ``expected`` what stands there and what could (each may be empty).
    ``code`` names the kind of problem for tools: "syntax" for a text that cannot be read.
    """

    def __init__(
        self, problem: str, position: Position, *, found: str = "", expected: str = "", code: str = "syntax"
    ) -> None:
        self.code = code
        self.problem = problem
        self.position = position
        self.found = found
        self.expected = expected
        where = "" if position == NOWHERE else f"{position}: "
        super().__init__(f"{where}{self.description}")

    @property
    def description(self) -> str:
        """The message without the position."""
        details = []
        if self.found:
            details.append(f"found {self.found}")
        if self.expected:
            details.append(f"expected {self.expected}")
        return self.problem + (f": {', '.join(details)}" if details else "")

    def qvm_message(self) -> str:
        """The message in qvm's own form, ``[file:line] text`` (observed on 8.0)."""
        return f"[{self.position.file}:{self.position.line}] {self.description}"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something in a text that can be read and yet deserves a word.

    ``code`` is "not-understood" for what the harness does not know: it is kept as it is and takes part in nothing.
    """

    severity: Literal["warning", "note"]
    position: Position
    text: str
    code: str
