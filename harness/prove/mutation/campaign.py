# SPDX-License-Identifier: Apache-2.0
"""Tries mutants: what is clear at once, the rest in sessions, and what is known so far is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from harness.prove.choosing import Looks, choose_twice
from harness.prove.mutation.equivalent import Equivalent, reason
from harness.prove.mutation.killers import Killers
from harness.prove.mutation.model import MutationReport, Outcome, Tried
from harness.prove.mutation.mutant import Mutant
from harness.prove.mutation.readings import REASON, Benches
from harness.prove.reach import Reach, Statement
from harness.prove.trials import Answer, Task, Trials, Verdict

_OUTCOMES: Final[dict[Verdict, Outcome]] = {"fail": "killed", "error": "broke", "late": "late", "pass": "survived"}
_AT_ONCE: Final[tuple[Outcome, ...]] = ("unreached", "equivalent")
# To write the page of hundreds takes longer than to find out what is clear at once.
_KEEP_SECONDS: Final = 5.0
# A bench is given up after two; a qvm that refuses a configuration is an error of its test alone.
_ERRORS: Final = 8
_STARTS: Final = "QVM-CFG-04"
"""The requirement that finds a defect where other tests find a guest that does not start."""


@dataclass
class Campaign:
    """``report`` is what was known before; ``say`` gets a line for each mutant, ``keep`` the report, now and then."""

    mutants: Sequence[Mutant]
    report: MutationReport
    entries: Sequence[Equivalent]
    sources: Path
    say: Callable[[str], None]
    keep: Callable[[MutationReport], None]
    _killers: Killers = field(default_factory=Killers)
    _began: float = field(default_factory=time.monotonic)
    _before: float = 0.0
    _kept: float = 0.0

    def __post_init__(self) -> None:
        self._before = self.report.duration_s
        for tried in self.report.tried:
            self._killers.note(tried)

    @property
    def looks(self) -> Looks:
        """How long a mutant is looked at, as when the run began."""
        return Looks(self.report.budget_s, self.report.second_look_s)

    async def run(self, reach: Reach, trials: Trials) -> None:
        """Try all mutants that were not tried before."""
        # What the record or the kept file says may be another thing now.
        self.report = replace(self.report, tried=[one for one in self.report.tried if one.outcome not in _AT_ONCE])
        known = {tried.name for tried in self.report.tried}
        by_name = {mutant.name: mutant for mutant in self.mutants if mutant.name not in known}
        reaching: dict[str, int] = {}

        def answered(answer: Answer) -> None:
            tried = _tried(by_name[answer.name], _OUTCOMES[answer.verdict], reason=answer.reason)
            self._tell(
                replace(
                    tried,
                    tests=answer.tests,
                    reaching=reaching[answer.name],
                    seconds=round(answer.seconds, 1),
                    test=answer.test,
                    requirements=answer.requirements,
                    place=answer.place,
                )
            )

        await trials.run(self._tasks(reach, by_name.values(), reaching), answered)

    def _tasks(self, reach: Reach, mutants: Iterable[Mutant], reaching: dict[str, int]) -> Iterator[Task]:
        """The mutants that have to be tried. Those that are decided without a trial are reported in their turn."""
        benches = Benches(seen.readings for seen in reach.seen)
        readings = benches.readings
        starts = [seen.test for seen in reach.seen if _STARTS in seen.requirements and seen.verdict == "pass"]
        for mutant in mutants:
            if said := reason(mutant, self.entries, readings) or ("" if benches.show(mutant) else REASON):
                self._tell(_tried(mutant, "equivalent", reason=said))
                continue
            statements = [Statement(mutant.file, mutant.first, mutant.last)]
            choice = choose_twice(reach, statements, self.looks)
            if not choice.tests:
                self._tell(_tried(mutant, "unreached"))
                continue
            reaching[mutant.name] = choice.reaching
            tests = self._killers.in_front(mutant.file, choice.tests, reach.tests(statements))
            yield Task(mutant.name, tests, mutant=self._change(mutant), errors=_ERRORS, starts=starts)

    def _change(self, mutant: Mutant) -> str:
        """Put the mutant's source down; the module and the file."""
        file = self.sources / f"{mutant.name}.py"
        file.write_text(mutant.source)
        return f"{mutant.module}:{file}"

    def _tell(self, tried: Tried) -> None:
        self._killers.note(tried)
        passed = time.monotonic() - self._began
        self.report = replace(
            self.report, duration_s=round(self._before + passed, 1), tried=[*self.report.tried, tried]
        )
        self.say(f"[{len(self.report.tried)}/{self.report.drawn}] {tried.text}")
        if passed - self._kept >= _KEEP_SECONDS:
            self._kept = passed
            self.keep(self.report)


def _tried(mutant: Mutant, outcome: Outcome, *, reason: str = "") -> Tried:
    return Tried(mutant.name, mutant.file, mutant.function, mutant.line, mutant.diff, outcome, reason=reason)
