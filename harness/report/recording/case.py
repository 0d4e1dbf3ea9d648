# SPDX-License-Identifier: Apache-2.0
"""One test while it runs: what its phases gave, until it is a record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.report.evidence import catalogue
from harness.report.evidence.body import Body
from harness.report.evidence.codec import legible
from harness.report.evidence.model import Case, KnownFailure, Requirement
from harness.report.recording import known
from harness.report.recording.classify import (
    Outcome,
    Phase,
    case_outcome,
    judged_as_characterisation,
    phase_outcome,
    reported_outcome,
    worse,
)
from harness.report.recording.keys import SCOPE, site
from harness.report.recording.records import OBSERVATIONS
from harness.report.scope import plugins
from harness.report.verdict import waivers

_PROPERTIES = pytest.StashKey[list[tuple[str, object]]]()


class CaseUnderWay:
    """Collects the phases of one attempt at one item. ``started`` is the time of its first phase, UTC in ISO 8601."""

    def __init__(self, item: pytest.Item, requirements: Mapping[str, Requirement], attempt: int = 1) -> None:
        self.item = item
        self.attempt = attempt
        self.body = Body()
        self.started = datetime.now(UTC).isoformat()
        self.requirements = catalogue.requirements_of(item)
        self._recorded_only = catalogue.recorded_only(item, requirements)
        self._outcomes: dict[Phase, Outcome] = {}
        self._seconds: dict[Phase, float] = {}
        self._texts: list[str] = []

    def add(self, call: pytest.CallInfo[None]) -> None:
        """Take a phase that has ended."""
        phase: Phase = call.when if call.when != "collect" else "setup"
        foreign = plugins.who_failed(call.excinfo, self.item.config) if call.excinfo else ""
        self._take(phase, phase_outcome(phase, call.excinfo.value if call.excinfo else None, foreign))
        self._seconds[phase] = call.duration

    def hear(self, report: pytest.TestReport) -> None:
        """Take what a plugin says of a phase that ended well: checks that it collects and raises for none of them."""
        phase = _phase(report)
        if phase in self._outcomes and self._outcomes[phase].verdict == "pass":
            self._take(phase, reported_outcome(phase, report))

    @contextmanager
    def unreported(self) -> Iterator[None]:
        """The block is a call of which pytest makes no report."""
        began = time.perf_counter()
        try:
            yield
        except BaseException as error:
            foreign = plugins.who_failed(pytest.ExceptionInfo.from_exception(error), self.item.config)
            self._take("call", phase_outcome("call", error, foreign))
            raise
        else:
            self._take("call", Outcome("pass"))
        finally:
            self._seconds["call"] = time.perf_counter() - began

    @property
    def called(self) -> bool:
        """Whether the call of this attempt has ended."""
        return "call" in self._outcomes

    @property
    def begun(self) -> bool:
        """Whether a phase of this attempt has ended; the next set-up then is another attempt."""
        return bool(self._outcomes)

    @property
    def ended(self) -> bool:
        """Whether the last phase of this attempt has ended."""
        return "teardown" in self._outcomes

    def _take(self, phase: Phase, outcome: Outcome) -> None:
        """A part of a body (a subtest) ends like the body itself: the worst of them counts."""
        self._outcomes[phase] = worse(self._outcomes.get(phase, outcome), outcome)

    def keep_text(self, report: pytest.TestReport) -> None:
        """Keep what pytest prints about a phase that broke, with the output that it captured."""
        outcome = self._outcomes.get(_phase(report))
        if outcome and outcome.verdict in ("fail", "error"):
            sections = [f"--- {title} ---\n{content}" for title, content in report.sections]
            self._texts.append("\n".join([f"=== {report.when} ===", report.longreprtext, *sections]))

    @property
    def text(self) -> str:
        """The full description of a failed case; empty for others."""
        return legible("\n\n".join(self._texts))

    @property
    def outcome(self) -> Outcome:
        """The outcome of the phases so far."""
        outcome = case_outcome(self._outcomes)
        if outcome.verdict == "pass" and self.ended and not self.body.ended:
            how_far = "did not complete" if self.body.entered else "did not run"
            outcome = Outcome("error", f"the body of the test {how_far}, although no error was reported")
        if outcome.verdict == "fail" and not self.body.entered:
            outcome = Outcome("error", f"the body of the test did not run: {outcome.reason}")
        if self.requirements and len(self._recorded_only) == len(self.requirements):
            return judged_as_characterisation(outcome)
        return outcome

    @property
    def known_failure(self) -> KnownFailure | None:
        """The known failure that the item is marked with, on its bench and of today, or the waiver of the target."""
        bench = site(self.item).bench
        marked = known.known_failure(self.item, bench, datetime.now(UTC).date())
        scope = self.item.config.stash.get(SCOPE, None)
        if marked or scope is None:
            return marked
        return waivers.accepted(scope.waivers, self.item.nodeid, self.requirements, bench)

    @property
    def text_name(self) -> str:
        """The name of the file for this description."""
        return "failure.txt" if self.attempt == 1 else f"failure-{self.attempt}.txt"

    def write_properties(self) -> None:
        """Give the item its properties for the JUnit file, those of its last attempt."""
        others = [each for each in self.item.user_properties if each not in self.item.stash.get(_PROPERTIES, [])]
        self.item.stash[_PROPERTIES] = self.properties()
        self.item.user_properties[:] = [*others, *self.item.stash[_PROPERTIES]]

    def properties(self) -> list[tuple[str, object]]:
        """Properties for the JUnit file. StrictDoc and sphinx-needs read ``verifies`` as a link to a requirement."""
        where = [(name, value) for name, value in asdict(site(self.item)).items() if value]
        failure = self.known_failure
        links = [("known_failure", failure.link)] if failure else []
        return [*(("verifies", name) for name in self.requirements), *where, *links, ("verdict", self.outcome.verdict)]

    def record(self, evidence: Sequence[Path], folder: Path) -> Case:
        """The record of the case; paths of ``evidence`` are relative to ``folder``."""
        outcome = self.outcome
        seconds = {phase: round(self._seconds.get(phase, 0.0), 6) for phase in ("setup", "call", "teardown")}
        return Case(
            test=self.item.nodeid,
            requirements=self.requirements,
            verdict=outcome.verdict,
            duration_s=round(sum(seconds.values()), 6),
            setup_s=seconds["setup"],
            call_s=seconds["call"],
            teardown_s=seconds["teardown"],
            started=self.started,
            evidence=[path.relative_to(folder).as_posix() for path in evidence],
            recorded_only=self._recorded_only,
            reason=outcome.reason,
            known_failure=self.known_failure,
            observations=self.item.stash.get(OBSERVATIONS, []),
            attempt=self.attempt,
            attempts=[],
            site=site(self.item),
        )


def _phase(report: pytest.TestReport) -> Phase:
    return report.when if report.when in ("setup", "call", "teardown") else "setup"
