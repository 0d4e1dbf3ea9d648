# SPDX-License-Identifier: Apache-2.0
"""The data of a report: what ``results.json`` holds.

Its names are a contract with other tools: fields may be added, never renamed or removed. Paths are relative to the
run's folder, with forward slashes; times are UTC in ISO 8601, durations seconds. Fields of a ``site`` are its record's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from harness.errors import HarnessError
from harness.report.evidence.system import SystemTried
from harness.report.figures.records import FigureHistory, ThresholdVerdict
from harness.site import Site
from harness.structured import FLAT

SCHEMA = 2
"""Version 2 has the verdict ``partial`` of a run, with ``shortfalls``, ``scope`` and ``waivers``."""

Verdict = Literal["pass", "fail", "error", "skipped", "recorded"]
"""pass and fail concern the device, error the bench; skipped has a reason; recorded was observed and not judged."""

RunVerdict = Literal["pass", "partial", "fail"]
"""partial: nothing failed, and the run is less than a qualification."""

ShortfallKind = Literal[
    "selection", "bench", "source", "fault", "untried", "scope", "profile", "waiver", "threshold", "conflict", "rerun"
]
Seen = Literal["allowed", "refused"]


class ReportError(HarnessError):
    """A report cannot be read or built."""


@dataclass(frozen=True)
class KnownFailure:
    """A failure that is accepted until ``expires`` (ISO date, that day included)."""

    reason: str
    link: str
    expires: str
    expired: bool
    approver: str = ""
    """Who accepted it, where it is a waiver of the target."""


@dataclass(frozen=True)
class Observation:
    """What a characterisation saw: an answer to a question that the documents leave open.

    ``declared`` is what the bench's profile says, if the name is that of a field of it.
    """

    name: str
    value: str
    declared: str = ""


@dataclass(frozen=True)
class Attempt:
    """One of several times that a plugin ran the same test."""

    verdict: Verdict
    duration_s: float
    reason: str = ""


@dataclass(frozen=True)
class Case:
    """One pytest item that ran. ``recorded_only`` are those of its requirements that are observed, not judged.

    In the journal each attempt at a test is a case, numbered by ``attempt``. The report has one case for all of them,
    and ``attempts`` lists them when there was more than one. ``superseded``: the bench broke, and a rerun has judged.
    """

    test: str
    requirements: list[str]
    site: Site = field(metadata=FLAT)
    verdict: Verdict
    duration_s: float
    setup_s: float
    call_s: float
    teardown_s: float
    started: str
    evidence: list[str] = field(default_factory=list)
    recorded_only: list[str] = field(default_factory=list)
    reason: str = ""
    known_failure: KnownFailure | None = None
    observations: list[Observation] = field(default_factory=list)
    attempt: int = 1
    attempts: list[Attempt] = field(default_factory=list)
    superseded: bool = False

    @property
    def why(self) -> str:
        """The first line of the reason."""
        return self.reason.strip().partition("\n")[0]


@dataclass(frozen=True)
class CaseVerdict:
    """One test of a requirement, with what it found."""

    test: str
    verdict: Verdict
    duration_s: float


@dataclass(frozen=True)
class Result:
    """One requirement on one bench, placement, guest image and way.

    ``test`` is the deciding test (the first one with the verdict of the record), ``tests`` lists all of them.
    ``duration_s`` is the time that its tests took together; ``reason`` is the deciding test's.
    """

    requirement: str
    test: str
    site: Site = field(metadata=FLAT)
    verdict: Verdict
    duration_s: float
    evidence: list[str]
    tests: list[CaseVerdict] = field(default_factory=list)
    reason: str = ""
    known_failure: KnownFailure | None = None
    observations: list[Observation] = field(default_factory=list)


TOO_NOISY: Final = 0.15
"""A figure that is not known better than this, relative to itself (95 %), is not judged."""


@dataclass(frozen=True)
class Metric:
    """A figure. ``ratio`` is value / reference. With ``samples`` (in ``unit``), ``median`` and ``mad`` describe them.

    ``better`` says which way is an improvement; ``block_bytes`` is the size of the block that was moved, if one was.
    ``ratio_low`` and ``ratio_high`` bound the ratio (95 % confidence) when the samples allow it. ``against`` is what
    the reference is. ``noise`` is half the width of the interval of the ratio, or without one of the median of the
    samples, relative to it. ``count`` single times have the ``percentiles`` and, thinned out, the distribution
    ``times``.

    Conditions: ``pages`` of the region, the ``mapping`` of its memory, the ``loop`` of the guest that moved it, the
    ``clock`` that was read and how it compares with the harness's (``clock_check``), and in words what else its reader
    has to know (``note``). A figure that is not ``watched`` has no history: what else its machine does moves it.
    """

    name: str
    unit: str
    value: float
    reference: float | None
    ratio: float | None
    site: Site = field(metadata=FLAT)
    test: str = ""
    block_bytes: int | None = None
    better: Literal["higher", "lower"] = "higher"
    samples: list[float] = field(default_factory=list)
    median: float | None = None
    mad: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    against: str = ""
    noise: float | None = None
    count: int = 0
    percentiles: dict[str, float] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    pages: int | None = None
    mapping: str = ""
    loop: str = ""
    clock: str = ""
    clock_check: str = ""
    note: str = ""
    watched: bool = True

    @property
    def too_noisy(self) -> bool:
        """Whether its noise is so large that no number of it is to be believed."""
        return self.noise is not None and self.noise > TOO_NOISY


@dataclass(frozen=True)
class Access:
    """One access verdict: may ``guest``, configured so, reach the region ``name``? None: no expectation, recorded."""

    configuration: str
    guest: str
    name: str
    expected: Seen | None
    seen: Seen
    bench: str
    architecture: str
    placement: str
    test: str = ""
    operation: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Component:
    """Something that took part in the run: QEMU, a kernel, an image, an environment file."""

    name: str
    version: str
    sha256: str
    source: str = ""


@dataclass(frozen=True)
class Requirement:
    """A statement of the catalogue, as far as the report shows it."""

    id: str
    text: str
    source: str = ""
    kind: str = "judge"
    group: str = ""
    confidence: str = ""
    releases: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Planned:
    """A test that was going to run, and on which bench."""

    test: str
    requirements: list[str]
    bench: str = ""


@dataclass(frozen=True)
class Narrowing:
    """Something that the suites have and a run left out.

    ``count`` of ``what`` (test, test function) were ``left`` (deselected, not collected, not run) because of ``by``:
    an option with the place where it was given, a file, a plugin.
    """

    count: int
    what: str
    left: str
    by: str

    def __str__(self) -> str:
        plural = "" if self.count == 1 else "s"
        return f"narrowed: {self.count} {self.what}{plural} {self.left}, by {self.by}"


@dataclass(frozen=True)
class Shortfall:
    """Why a run in which nothing failed is less than a qualification."""

    kind: ShortfallKind
    text: str


@dataclass(frozen=True)
class Source:
    """Code that judged: the harness, a folder of suites, or what was loaded from elsewhere.

    ``commit`` is empty when it is not known, and ``note`` then says why. ``changes`` are the files that differ from the
    commit or are not in it.
    """

    what: str
    commit: str
    note: str = ""
    changes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class BenchScope:
    """One bench of the environment file, and what has to be judged on its item.

    ``item`` is what is under test: several benches may have the same one. ``name`` is what the selection of
    ``requirements`` is called. ``selected`` is false for a bench that the run left out; ``left_out`` are its placements
    that a run which took it left out.
    """

    bench: str
    item: str
    release: str
    name: str
    requirements: list[str]
    selected: bool = True
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Unjudged:
    """A requirement in scope that was not judged, and why not."""

    requirement: str
    reason: str


@dataclass(frozen=True)
class ItemCoverage:
    """How much of its scope, and of its release, was judged on one item.

    ``stated`` and ``stated_judged`` count what the catalogue states for the release and what of it was judged;
    ``required`` and ``judged`` count the requirements of the scope. ``facts`` identify the item, by name.
    """

    item: str
    release: str
    name: str
    benches: list[str]
    stated: int
    stated_judged: int
    required: int
    judged: int
    unjudged: list[Unjudged] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Waiver:
    """A failure that somebody has accepted in a file of the target, until ``expires`` (ISO date, that day included).

    It is for a requirement or for a test, and for one bench. ``used`` counts the failures that it accepted.
    """

    bench: str
    reason: str
    link: str
    approver: str
    expires: str
    expired: bool
    requirement: str = ""
    test: str = ""
    used: int = 0


@dataclass(frozen=True)
class Proof:
    """A proof that the suites notice all faults of the device, of one commit: how many it put in, and caught."""

    id: str
    started: str
    commit: str
    command: str
    verdict: str
    faults: int
    caught: int


@dataclass(frozen=True)
class Run:
    """The run as a whole. ``reasons`` say why the verdict is fail; ``finished`` is false when it was cut short.

    ``shortfalls`` say what it lacks of a qualification: with any of them the verdict is at best partial.

    ``surroundings`` is what changes a run in addition to its command line, by name: variables, files of settings. When
    ``harness_commit`` is empty, ``harness_commit_note`` says why; otherwise it describes a peculiarity of the commit.
    """

    id: str
    verdict: RunVerdict
    reasons: list[str]
    finished: bool
    started: str
    ended: str
    duration_s: float
    exit_status: int
    command: str
    harness_version: str
    harness_commit: str
    python: str
    platform: str
    packages: dict[str, str] = field(default_factory=dict)
    parts: list[Component] = field(default_factory=list)
    surroundings: dict[str, str] = field(default_factory=dict)
    narrowed: list[Narrowing] = field(default_factory=list)
    harness_commit_note: str = ""
    shortfalls: list[Shortfall] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """All of ``results.json``."""

    run: Run
    results: list[Result]
    metrics: list[Metric]
    cases: list[Case] = field(default_factory=list)
    access: list[Access] = field(default_factory=list)
    requirements: list[Requirement] = field(default_factory=list)
    not_tested: list[str] = field(default_factory=list)
    not_run: list[Planned] = field(default_factory=list)
    scope: list[ItemCoverage] = field(default_factory=list)
    waivers: list[Waiver] = field(default_factory=list)
    systems: list[SystemTried] = field(default_factory=list)
    proof: Proof | None = None
    thresholds: list[ThresholdVerdict] = field(default_factory=list)
    history: list[FigureHistory] = field(default_factory=list)
    schema: int = SCHEMA
