# SPDX-License-Identifier: Apache-2.0
"""Runs that consist of sessions, one for each bench: their journals and JUnit files as those of one run.

The folder of such a run has a journal of its own, which says when the run began and ended, and below ``benches/`` a
folder for each bench with its session's own run in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness.report.evidence import folder, journal, rerun
from harness.report.evidence.journal import (
    NOTHING_SELECTED,
    Began,
    CaseDone,
    Ended,
    Entry,
    FellShort,
    PlanMade,
    Rerun,
    RunError,
)
from harness.report.evidence.model import Report, ReportError
from harness.report.exports import junit
from harness.report.verdict import shortfalls


def entries(run: Path) -> list[Entry]:
    """All that is known of the run in the folder ``run``, that of its sessions included.

    Raises ReportError when a journal is damaged.
    """
    own = journal.read(run / folder.JOURNAL)
    inside = rerun.together([_inside(run, own, attempt) for attempt in _attempts(run, own)])
    # A bench that has none of the selected tests is no error as long as another one has some.
    seen = {NOTHING_SELECTED} if any(entry.cases for entry in inside if isinstance(entry, PlanMade)) else set()
    return [*own[:1], *(entry for entry in inside if not _known_before(entry, seen)), *own[1:]]


def of_last_attempt(run: Path) -> list[Entry]:
    """As ``entries``, of the newest attempt of a run alone."""
    own = journal.read(run / folder.JOURNAL)
    return [*own[:1], *_inside(run, own, _attempts(run, own)[-1])]


def earlier_attempts(own: Sequence[Entry]) -> list[list[str]]:
    """The names of the sessions of each attempt but the last one; a merged run may have those of several runs."""
    return [names for entry in own if isinstance(entry, Rerun) for names in entry.sessions]


def _attempts(run: Path, own: Sequence[Entry]) -> list[list[Path]]:
    """The folders of the sessions, those of each attempt together, the first one first."""
    earlier = earlier_attempts(own)
    number = {name: index for index, names in enumerate(earlier) for name in names}
    found: list[list[Path]] = [[] for _ in range(len(earlier) + 1)]
    for session_dir in sessions(run):
        found[number.get(session_dir.name, len(earlier))].append(session_dir)
    return found


def _inside(run: Path, own: Sequence[Entry], session_dirs: Sequence[Path]) -> list[Entry]:
    """What these sessions add to the run."""
    return [
        entry
        for session_dir in session_dirs
        for entry in _of_one_run(own, journal.read(session_dir / folder.JOURNAL), session_dir.relative_to(run))
    ]


def sessions(run: Path) -> list[Path]:
    """The folders of the run's sessions, in the order of the benches' names."""
    found = sorted((run / folder.BENCHES).glob(f"*/*/{folder.JOURNAL}"))
    return [path.parent for path in found if not path.parent.is_symlink()]


def write_junit(run: Path, report: Report) -> None:
    """One JUnit file of the run, with a suite for each session. Raises OSError."""
    found = []
    for session_dir in sessions(run):
        for suite in junit.suites(session_dir / folder.JUNIT):
            suite.set("name", session_dir.parent.name)
            found.append(suite)
    junit.write(run / folder.JUNIT, found, report)


def _of_one_run(own: Sequence[Entry], session: list[Entry], session_dir: Path) -> Iterator[Entry]:
    """What a session adds to the run: paths start at the run's folder, and the run has one begin and one end.

    A session that did not come to its own end may have lost anything, a verdict that was taken back among it.
    """
    if not session or not isinstance(session[0], Began):
        raise ReportError(f"the journal in {session_dir} does not say which run it belongs to")
    known = [source for entry in own if isinstance(entry, Began) for source in entry.sources]
    if changed := list(shortfalls.of_changed(known, session[0].sources)):
        yield FellShort(changed)
    for entry in session:
        if isinstance(entry, CaseDone):
            evidence = [f"{session_dir.as_posix()}/{path}" for path in entry.case.evidence]
            yield replace(entry, case=replace(entry.case, evidence=evidence))
        elif not isinstance(entry, Began | Ended):
            yield entry
    if not any(isinstance(entry, Ended) for entry in session):
        yield RunError(f"the session in {session_dir.as_posix()} did not finish")


def _known_before(entry: Entry, seen: set[str]) -> bool:
    """Whether another session has recorded this error already, as errors of the suites are recorded by all."""
    if not isinstance(entry, RunError):
        return False
    known = entry.message in seen
    seen.add(entry.message)
    return known
