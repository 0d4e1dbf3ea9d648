# SPDX-License-Identifier: Apache-2.0
"""The data of a proof: what ``prove.json`` holds. Paths are relative to its folder, durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from harness.report.evidence.model import Case

Outcome = Literal["caught", "elsewhere", "survived", "error"]
"""``elsewhere``: only a requirement of another group failed. ``error``: the session gave no verdict to judge by."""

Verdict = Literal["PASS", "FAIL", "INCOMPLETE"]
"""``INCOMPLETE``: nothing is wrong so far, but not all sessions have ended."""

_WORDS: Final = {"caught": "caught by", "elsewhere": "CAUGHT ONLY BY", "survived": "SURVIVED", "error": "ERROR:"}


@dataclass(frozen=True)
class Catch:
    """The first requirement that failed: its identifiers, the test, where it ran, and what it said."""

    requirements: list[str]
    test: str
    site: str
    reason: str

    @classmethod
    def of(cls, case: Case) -> Catch:
        """The catch of a failed case."""
        site = " ".join(filter(None, (case.site.bench, case.site.placement)))
        return cls(case.requirements, case.test, site, case.why)


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
    error: str = ""

    @property
    def line(self) -> str:
        """All of it in one line of text."""
        by = self.error.partition("\n")[0]
        if self.catch:
            by = ", ".join(self.catch.requirements) + (f" on {self.catch.site}" if self.catch.site else "")
        text = f"{self.fault} ({self.group}): {_WORDS[self.outcome]} {by}".rstrip()
        return f"{text}, {self.duration_s:.1f} s"


@dataclass(frozen=True)
class Control:
    """A session without a fault: what must pass. ``failed`` are its tests with another verdict than it should have.

    ``error``: why the session did not come to all of its tests.
    """

    what: str
    duration_s: float
    tests: int
    folder: str
    failed: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def line(self) -> str:
        """All of it in one line of text."""
        failed = f"{len(self.failed)} FAILED" if self.failed else "none failed"
        found = f"ERROR: {self.error.partition(chr(10))[0]}" if self.error else f"{self.tests} tests, {failed}"
        return f"no fault ({self.what}): {found}, {self.duration_s:.0f} s"


@dataclass(frozen=True)
class Difference:
    """A test whose verdict was not the same in all sessions: verdict by session."""

    test: str
    verdicts: dict[str, str]


@dataclass(frozen=True)
class ProofReport:
    """All of ``prove.json``. ``planned``: the sessions, by the name of their fault or what they are for.

    ``whole``: all faults are put in, and all suites are to notice them. Only such a proof says something of the suites
    as a whole.
    """

    id: str
    started: str
    duration_s: float
    command: str
    harness_version: str
    harness_commit: str
    planned: list[str]
    proofs: list[Proof] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    whole: bool = False

    @property
    def caught(self) -> int:
        """How many faults were caught by a requirement of their group."""
        return sum(proof.outcome == "caught" for proof in self.proofs)

    @property
    def ended(self) -> int:
        """How many of the planned sessions have ended."""
        return len(self.proofs) + len(self.controls)

    @property
    def clean(self) -> bool:
        """Whether, as far as it went, every fault was caught as it should be, and nothing failed without one."""
        quiet = not any(control.failed or control.error for control in self.controls)
        return self.caught == len(self.proofs) and quiet and not self.differences

    @property
    def verdict(self) -> Verdict:
        """What the proof says."""
        if not self.clean:
            return "FAIL"
        return "PASS" if self.ended and self.ended == len(self.planned) else "INCOMPLETE"
