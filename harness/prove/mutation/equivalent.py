# SPDX-License-Identifier: Apache-2.0
"""Mutants that are no defects, with the reasons: the file ``equivalent.toml`` next to this module.

An entry names lines by their text and their function, not by their number, so that it lasts as long as they do.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.prove.mutation.mutant import Mutant
from harness.structured import StructureError, structure

FILE: Final = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Equivalent:
    """Changes that make no difference that a guest or a host program could see, and why.

    ``before`` and ``after`` are the changed lines without indentation. An empty ``after`` means every change of
    ``before``, an empty ``before`` too means every change of the function.
    """

    file: str
    function: str
    reason: str
    before: str = ""
    after: str = ""

    def fits(self, mutant: Mutant) -> bool:
        """Whether the mutant is such a change."""
        return (
            (self.file, self.function) == (mutant.file, mutant.function)
            and self.before in ("", mutant.before)
            and self.after in ("", mutant.after)
        )


def equivalents(path: Path = FILE) -> list[Equivalent]:
    """All entries of the file. Raises UsageError."""
    try:
        entries: list[Equivalent] = structure(
            tomllib.loads(path.read_text()).get("equivalent", []), list[Equivalent], path.name
        )
    except (StructureError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    return entries


def reason(mutant: Mutant, entries: Iterable[Equivalent]) -> str:
    """Why the mutant is none; empty if nobody says so."""
    return next((entry.reason for entry in entries if entry.fits(mutant)), "")


def stale(entries: Iterable[Equivalent], every: Sequence[Mutant]) -> list[Equivalent]:
    """Entries that fit no mutant any more."""
    return [entry for entry in entries if not any(entry.fits(mutant) for mutant in every)]
