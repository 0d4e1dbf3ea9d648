# SPDX-License-Identifier: Apache-2.0
"""Mutants that are no defects, with the reasons: the file ``equivalent.toml`` next to this module.

An entry names lines by their text and their function, not by their number, so that it lasts as long as they do.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.prove.mutation.mutant import Mutant
from harness.structured import StructureError, structure

FILE: Final = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Equivalent:
    """Changes of one source that make no difference that a guest or a host program could see, and why.

    Each of ``changes`` is a function, the changed lines before and after, without indentation. Without the last, it is
    every change of these lines; without both, every change of the function. Either ``reason`` says why, or ``readings``
    are those (``FIELD: VALUE`` of a profile) that alone ask for the lines; the changes count on a bench that has one.
    """

    file: str
    changes: list[list[str]]
    reason: str = ""
    readings: list[str] = field(default_factory=list)

    @property
    def why(self) -> str:
        """The reason in words."""
        return self.reason or f"only a reading that no bench has asks for it ({', '.join(self.readings)})"

    def fits(self, mutant: Mutant) -> bool:
        """Whether the mutant is such a change."""
        parts = [mutant.function, mutant.before, mutant.after]
        return self.file == mutant.file and any(change == parts[: len(change)] for change in self.changes)


def equivalents(path: Path = FILE) -> list[Equivalent]:
    """All entries of the file. Raises UsageError."""
    try:
        entries: list[Equivalent] = structure(
            tomllib.loads(path.read_text()).get("equivalent", []), list[Equivalent], path.name
        )
    except (StructureError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    for entry in entries:
        if bool(entry.reason) == bool(entry.readings):
            raise UsageError(f"{path}: an entry of {entry.file} needs a reason or readings, and not both")
    return entries


def reason(mutant: Mutant, entries: Iterable[Equivalent], readings: Collection[str] = ()) -> str:
    """Why the mutant is none where no bench has more than these ``readings``; empty if nobody says so."""
    return next(
        (entry.why for entry in entries if entry.fits(mutant) and not any(one in readings for one in entry.readings)),
        "",
    )


def stale(entries: Iterable[Equivalent], every: Sequence[Mutant]) -> list[str]:
    """Changes that fit no mutant any more."""
    single = [replace(entry, changes=[change]) for entry in entries for change in entry.changes]
    return [f"{one.file}: {one.changes[0]}" for one in single if not any(one.fits(mutant) for mutant in every)]
