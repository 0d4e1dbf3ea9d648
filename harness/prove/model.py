# SPDX-License-Identifier: Apache-2.0
"""The data of a proof: what ``prove.json`` holds. Paths are relative to its folder, durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from harness.report.model import Case

Outcome = Literal["caught", "elsewhere", "survived", "trouble"]
"""``elsewhere``: only a requirement of another group failed. ``trouble``: the session gave no verdict to judge by."""


@dataclass(frozen=True)
class Catch:
    """The first requirement that failed: its identifiers, the test, where it ran, and what it said."""

    requirements: list[str]
    test: str
    place: str
    reason: str

    @classmethod
    def of(cls, case: Case) -> Catch:
        """The catch of a failed case."""
        place = " ".join(filter(None, (case.bench, case.placement)))
        return cls(case.requirements, case.test, place, case.reason.strip().partition("\n")[0])


@dataclass(frozen=True)
class Proof:
    """What one session with a fault found. ``tests`` is how many tests ran, ``folder`` the session's own folder."""

    fault: str
    group: str
    text: str
    outcome: Outcome
    duration_s: float
    tests: int
    folder: str
    catch: Catch | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Control:
    """A session without a fault: what must pass. ``failed`` are its tests with another verdict than it should have."""

    what: str
    duration_s: float
    tests: int
    folder: str
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Difference:
    """A test whose verdict was not the same in all sessions: verdict by the number of the session."""

    test: str
    verdicts: list[str]


@dataclass(frozen=True)
class ProofReport:
    """All of ``prove.json``."""

    id: str
    started: str
    duration_s: float
    command: str
    harness_version: str
    harness_commit: str
    proofs: list[Proof] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def caught(self) -> int:
        """How many faults were caught by a requirement of their group."""
        return sum(proof.outcome == "caught" for proof in self.proofs)

    @property
    def holds(self) -> bool:
        """Whether every fault was caught as it should be, and nothing failed without one."""
        clean = not any(control.failed for control in self.controls)
        return self.caught == len(self.proofs) and clean and not self.differences
