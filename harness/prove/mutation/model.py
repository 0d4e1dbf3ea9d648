# SPDX-License-Identifier: Apache-2.0
"""The data of ``harness prove --mutants``: what ``mutate.json`` holds. Durations are seconds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal

Outcome = Literal["killed", "broke", "late", "survived", "unreached", "equivalent"]
"""``killed``: a requirement failed. ``broke``: benches broke, and no requirement failed. ``late``: no end in time.

``unreached``: no test runs the changed lines. ``equivalent``: no defect, as the repository says.
"""

OUTCOMES: Final[tuple[Outcome, ...]] = ("killed", "broke", "late", "survived", "unreached", "equivalent")


@dataclass(frozen=True)
class Tried:
    """A mutant and what became of it.

    ``tests`` of the ``reaching`` tests that run the changed lines were tried. ``test``, ``requirements`` and ``place``
    are of the one that noticed; ``reason`` is what it said, or why the mutant is equivalent.
    """

    name: str
    file: str
    function: str
    line: int
    diff: str
    outcome: Outcome
    tests: int = 0
    reaching: int = 0
    seconds: float = 0.0
    test: str = ""
    requirements: list[str] = field(default_factory=list)
    place: str = ""
    reason: str = ""

    @property
    def text(self) -> str:
        """All of it in one line of text."""
        by = ", ".join(self.requirements)
        where = f"{self.file}:{self.line} {self.function}".rstrip()
        said = f" by {by} on {self.place}" if by and self.outcome == "killed" else ""
        return f"{self.outcome}{said}: {where} ({self.name}), {self.tests} tests, {self.seconds:.1f} s"


@dataclass(frozen=True)
class MutationReport:
    """All of ``mutate.json``. ``every``: how many mutants there are, ``drawn``: how many of them this run tries."""

    id: str
    started: str
    duration_s: float
    command: str
    harness_version: str
    harness_commit: str
    every: int
    drawn: int
    seed: int
    budget_s: float
    second_look_s: float = 0.0
    select: list[str] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many mutants have each outcome."""
        counted = Counter(tried.outcome for tried in self.tried)
        return {outcome: counted[outcome] for outcome in OUTCOMES}

    @property
    def score(self) -> float:
        """The share of those that are defects of which a requirement failed, in per cent."""
        return self._share("killed")

    @property
    def noticed(self) -> float:
        """The same, with those that broke the benches or kept the tests from ending: nothing passes with these."""
        return self._share("killed", "broke", "late")

    def _share(self, *outcomes: Outcome) -> float:
        defects = len(self.tried) - self.counts["equivalent"]
        return 100 * sum(self.counts[outcome] for outcome in outcomes) / defects if defects else 100.0

    @property
    def holes(self) -> list[Tried]:
        """Those that no requirement has noticed."""
        return [tried for tried in self.tried if tried.outcome not in ("killed", "equivalent")]

    @property
    def last_line(self) -> str:
        """The result in one line."""
        counts = ", ".join(f"{number} {outcome}" for outcome, number in self.counts.items())
        some = "" if len(self.tried) == self.drawn else f"{len(self.tried)} of {self.drawn} tried, "
        return f"mutants: {some}{counts}; score {self.score:.1f} %, noticed {self.noticed:.1f} %"
