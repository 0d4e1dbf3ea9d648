# SPDX-License-Identifier: Apache-2.0
"""What an earlier run left to be tried again: tests that failed, broke or did not run, and benches without any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.report.evidence import folder
from harness.report.evidence import merge as sessions
from harness.report.evidence.document import accepted, build
from harness.report.evidence.journal import Began, Ended, Entry, FellShort, Rerun, RunError
from harness.report.evidence.model import Shortfall
from harness.report.evidence.rerun import before
from harness.runs.merging import Part, conflicts_of, copy_sessions, part_of


@dataclass(frozen=True)
class Earlier:
    """The run that is continued."""

    part: Part

    def wanted(self, bench: str) -> list[str] | None:
        """The tests to try again on a bench; None: all of them, because none of its tests was even planned."""
        report = self.part.report
        again = [case for case in report.cases if case.verdict in ("fail", "error") and not accepted(case)]
        waiting = [planned.test for planned in report.not_run if planned.bench == bench]
        if not waiting and all(case.site.bench != bench for case in report.cases):
            return None
        return [*(case.test for case in again if case.site.bench == bench), *waiting]

    def take_up(self, target: Path) -> Iterator[Entry]:
        """Copy the sessions into the folder of the new run; gives what its own journal has to say of them."""
        own = self.part.own
        names = [session.name for session in sessions.sessions(self.part.path)] or [self.part.path.name]
        past = sessions.earlier_attempts(own)
        runs = [run for entry in own if isinstance(entry, Rerun) for run in entry.runs]
        known = {name for layer in past for name in layer}
        newest = [name for name in names if name not in known]
        copy_sessions(self.part, target)
        yield Rerun([*runs, self.part.began.id], [*past, newest])
        if sessions.sessions(self.part.path):
            # A run of one session has its errors, and its end or none, in that session's journal.
            yield from (before(entry.message) for entry in own if isinstance(entry, RunError))
            yield from (entry for entry in own if isinstance(entry, FellShort))
            if not any(isinstance(entry, Ended) for entry in own):
                yield before("the run did not finish")

    def conflicts(self, target: Path) -> FellShort:
        """What the newest attempt, in the folder of the new run, contradicts the earlier ones in."""
        entries = sessions.of_last_attempt(target)
        newest = Part(target, entries, entries, build(entries))
        return FellShort([Shortfall("conflict", text) for text in conflicts_of(self.part, newest)])

    def began(self, now: Began) -> Began:
        """The begin of the new run, which rests on the sources of both."""
        theirs = [source for source in self.part.began.sources if source not in now.sources]
        around = {**now.surroundings, "rerun of": self.part.began.id}
        return replace(now, sources=[*now.sources, *theirs], surroundings=around)


def earlier(run: Path) -> Earlier:
    """The run in a folder. Raises UsageError when it is not as it was written."""
    folder.must_be_there(run)
    return Earlier(part_of(run.resolve()))
