# SPDX-License-Identifier: Apache-2.0
"""The journal of a run: one JSON line per fact, written the moment it is known.

A run that is killed leaves its journal, and the report can be made from it. ``results.json`` of a run that ended
normally is made from the same entries.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harness.report.evidence.codec import decode, encode, legible_values
from harness.report.evidence.model import (
    Access,
    BenchScope,
    Case,
    Component,
    Metric,
    Narrowing,
    Planned,
    Proof,
    ReportError,
    Requirement,
    Shortfall,
    Source,
    Waiver,
)
from harness.report.evidence.system import SystemTried
from harness.report.figures.records import FigureHistory, Threshold

NOTHING_SELECTED: Final = "no test was selected"
"""The error of a session without tests."""


@dataclass(frozen=True)
class Began:
    """The run began. ``catalogue`` holds every requirement that the harness knows."""

    id: str
    started: str
    command: str
    harness_version: str
    harness_commit: str
    python: str
    platform: str
    packages: dict[str, str] = field(default_factory=dict)
    catalogue: list[Requirement] = field(default_factory=list)
    harness_commit_note: str = ""
    surroundings: dict[str, str] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)


@dataclass(frozen=True)
class PlanMade:
    """What is going to run."""

    cases: list[Planned]


@dataclass(frozen=True)
class Narrowed:
    """The run is less than the suites have."""

    narrowed: list[Narrowing]


@dataclass(frozen=True)
class ScopeSet:
    """What has to be judged, bench by bench, the failures that are accepted, and the thresholds of figures."""

    benches: list[BenchScope]
    waivers: list[Waiver] = field(default_factory=list)
    thresholds: list[Threshold] = field(default_factory=list)


@dataclass(frozen=True)
class ItemIdentified:
    """What the host of a bench says of itself, by name; what it could not say is ``unknown``."""

    bench: str
    facts: dict[str, str]


@dataclass(frozen=True)
class FellShort:
    """Something that makes the run less than a qualification, whatever its tests find."""

    shortfalls: list[Shortfall]


@dataclass(frozen=True)
class CodeLoaded:
    """Code was loaded that is not as in its commit, or from other places than those that the run began with."""

    sources: list[Source]


@dataclass(frozen=True)
class CaseBegan:
    """A test is under way."""

    test: str
    bench: str
    started: str


@dataclass(frozen=True)
class CaseDone:
    """A test has ended, or one attempt at it, with everything that it recorded."""

    case: Case
    metrics: list[Metric] = field(default_factory=list)
    access: list[Access] = field(default_factory=list)


@dataclass(frozen=True)
class LookedAt:
    """Tests that passed, by node id, of which is known what they do with false answers, or said why it is not.

    They were tried in this run or before it, or stand in a shortfall.
    """

    tests: list[str]


@dataclass(frozen=True)
class RunError:
    """Something that is no test went wrong: a suite that cannot be collected, an interruption.

    ``usage`` says that the harness was asked for something that cannot be.
    """

    message: str
    usage: bool = False


@dataclass(frozen=True)
class ComponentsRecorded:
    """More is known of what takes part in the run."""

    parts: list[Component]


@dataclass(frozen=True)
class Rerun:
    """The run continues earlier ``runs``; ``sessions`` has the names of each earlier attempt's, the first one first."""

    runs: list[str]
    sessions: list[list[str]]


@dataclass(frozen=True)
class ProofFound:
    """There is a proof of the suites, of the same commit."""

    proof: Proof


@dataclass(frozen=True)
class NightsCompared:
    """The figures of the run over the nights up to it."""

    figures: list[FigureHistory]


@dataclass(frozen=True)
class Ended:
    """The run came to its own end, after so many seconds of a clock that nobody sets."""

    ended: str
    seconds: float | None = None


Entry = (
    Began
    | PlanMade
    | Narrowed
    | ScopeSet
    | ItemIdentified
    | FellShort
    | CodeLoaded
    | CaseBegan
    | CaseDone
    | LookedAt
    | RunError
    | ComponentsRecorded
    | SystemTried
    | Rerun
    | ProofFound
    | NightsCompared
    | Ended
)
_ENTRIES: Final[dict[str, type[Entry]]] = {
    entry.__name__: entry
    for entry in (
        Began,
        PlanMade,
        Narrowed,
        ScopeSet,
        ItemIdentified,
        FellShort,
        CodeLoaded,
        CaseBegan,
        CaseDone,
        LookedAt,
        RunError,
        ComponentsRecorded,
        SystemTried,
        Rerun,
        ProofFound,
        NightsCompared,
        Ended,
    )
}


class Journal:
    """A journal being written. Each entry is in the file when ``write`` returns; use as a context manager.

    When an entry cannot be written (a full disk, a limit), ``lost`` says why. The file then ends with a part of
    that entry at most, and later ones are in ``entries`` alone.
    """

    def __init__(self, path: Path) -> None:
        self.entries: list[Entry] = []
        self.lost: OSError | None = None
        self._file = path.open("ab", buffering=0)

    def write(self, entry: Entry) -> None:
        """Append one entry. What a test says may have bytes in it that are no text."""
        said = encode(entry)
        data: Any = legible_values(said)
        if data != said:
            entry = decode(type(entry), data, "an entry of the journal")
        self.entries.append(entry)
        if self.lost is None:
            line = json.dumps({"entry": type(entry).__name__, **data}, separators=(",", ":")) + "\n"
            self._append(line.encode())

    def _append(self, line: bytes) -> None:
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            self.lost = error

    def close(self) -> None:
        """Close the file; the entries stay available."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path) -> list[Entry]:
    """The entries of a journal on disk.

    A last line that was cut short by the end of its writer is left out. Raises ReportError when the file cannot be
    read or another line is damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"cannot read the journal {path}: {error}") from error
    return [_entry(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.endswith("\n")]


def _entry(line: str, where: str) -> Entry:
    try:
        data: Any = json.loads(line)
    except ValueError as error:
        raise ReportError(f"{where}: damaged line: {error}") from error
    kind = _ENTRIES.get(data.get("entry", "")) if isinstance(data, dict) else None
    if kind is None:
        raise ReportError(f"{where}: not an entry of a journal")
    return decode(kind, data, where)
