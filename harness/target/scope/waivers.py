# SPDX-License-Identifier: Apache-2.0
"""The file of a target with the failures that somebody has accepted: for what, why, until when, and who.

A waiver that has expired accepts nothing, so what it was for fails again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from harness.errors import UsageError
from harness.report.evidence.model import Waiver
from harness.shmem.requirements import Requirement
from harness.target.problem import Fault, Problem, TargetFileError, Where
from harness.target.reading import document
from harness.target.schema import SchemaError, structure


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One waiver as the file has it, for a requirement or for a test (with or without its parameters)."""

    requirement: str = ""
    test: str = ""
    reason: str
    link: str
    approver: str
    expires: str


@dataclass(frozen=True, kw_only=True)
class WaiverFile:
    """The whole file."""

    waivers: tuple[Entry, ...]


def read(path: Path, bench: str, today: date, catalogue: Mapping[str, Requirement]) -> list[Waiver]:
    """The waivers of a file for a bench. Raises UsageError, with the lines, for what it cannot use."""
    try:
        return [_waiver(entry, bench, today) for entry in _entries(path, catalogue)]
    except TargetFileError as error:
        raise UsageError("\n".join(map(str, error.problems))) from None


def problems(path: Path, catalogue: Mapping[str, Requirement]) -> list[Problem]:
    """What is wrong with a file of waivers; empty for a good one."""
    try:
        _entries(path, catalogue)
    except TargetFileError as error:
        return list(error.problems)
    return []


def _entries(path: Path, catalogue: Mapping[str, Requirement]) -> tuple[Entry, ...]:
    """The entries of a file. Raises TargetFileError with everything that is wrong."""
    found = document.read(path)
    try:
        file = structure(found.data, WaiverFile)
    except SchemaError as error:
        faults = error.faults
    else:
        faults = [fault for number, entry in enumerate(file.waivers) for fault in _faults(entry, number, catalogue)]
        if not faults:
            return file.waivers
    raise TargetFileError(*map(found.problem, faults))


def _waiver(entry: Entry, bench: str, today: date) -> Waiver:
    return Waiver(
        bench=bench,
        reason=entry.reason,
        link=entry.link,
        approver=entry.approver,
        expires=entry.expires,
        expired=today > date.fromisoformat(entry.expires),
        requirement=entry.requirement,
        test=entry.test,
    )


def _faults(entry: Entry, number: int, catalogue: Mapping[str, Requirement]) -> list[Fault]:
    where: Where = ("waivers", number)
    faults = []
    if bool(entry.requirement) == bool(entry.test):
        faults.append(Fault(where, f"waiver {number + 1}: expected either requirement or test"))
    if entry.requirement and entry.requirement not in catalogue:
        text = f"waiver {number + 1}: no requirement of the catalogue is {entry.requirement}"
        faults.append(Fault((*where, "requirement"), text))
    for name in ("reason", "link", "approver"):
        if not getattr(entry, name).strip():
            faults.append(Fault((*where, name), f"waiver {number + 1}: {name} is empty"))
    try:
        date.fromisoformat(entry.expires)
    except ValueError as error:
        faults.append(Fault((*where, "expires"), f"waiver {number + 1}: expires: {error}; expected YYYY-MM-DD"))
    return faults
