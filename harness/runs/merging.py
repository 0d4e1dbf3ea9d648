# SPDX-License-Identifier: Apache-2.0
"""Runs of several boards or nights as one run, with a report of its own.

The sessions of the runs are copied as they are, and the verdict is derived from all of their journals, as in a run of
several benches. What the runs contradict each other in is named, and keeps the whole from being a pass.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from harness.errors import UsageError
from harness.report.chain import manifest
from harness.report.chain.verify import verify
from harness.report.evidence import folder, journal, reader
from harness.report.evidence import merge as sessions
from harness.report.evidence.document import build
from harness.report.evidence.journal import Began, Ended, Entry, FellShort, ItemIdentified, Journal, RunError
from harness.report.evidence.model import Report, Shortfall
from harness.report.pages import html

_SESSION = "session"


@dataclass(frozen=True)
class Part:
    """One of the runs: its folder, what it wrote down itself and with its sessions, and its report."""

    path: Path
    own: list[Entry]
    entries: list[Entry]
    report: Report

    @property
    def began(self) -> Began:
        """How it began."""
        return next(entry for entry in self.own if isinstance(entry, Began))


def merge(runs: Sequence[Path], reports: Path, command: str) -> tuple[Path, Report]:
    """Make one run of several below the folder ``reports``. Returns its folder and report.

    Raises UsageError for a run that is not as it was written, and for one that is named twice.
    """
    parts = [part_of(run.resolve()) for run in runs]
    if len({part.began.id for part in parts}) < len(parts):
        raise UsageError("the same run is named twice")
    name = folder.run_id()
    target = folder.create(reports.absolute(), name)
    for part in parts:
        copy_sessions(part, target)
    with Journal(target / folder.JOURNAL) as written:
        for entry in _own_entries(parts, name, command):
            written.write(entry)
    report = build(sessions.entries(target))
    folder.write_whole(target / folder.RESULTS, reader.to_json(report))
    sessions.write_junit(target, report)
    html.write(target, report)
    manifest.write(target)
    return target, report


def part_of(run: Path) -> Part:
    """The run in a folder. Raises UsageError when it is not as it was written."""
    found = verify(run)
    if found.report is None or found.discrepancies:
        first = found.discrepancies[0]
        raise UsageError(f"{run} is not as it was written: {first}", remedy="harness verify names all of it")
    return Part(run, journal.read(run / folder.JOURNAL), sessions.entries(run), found.report)


def copy_sessions(part: Part, target: Path) -> None:
    """The sessions of a run; a run of one session is that itself."""
    for session in sessions.sessions(part.path) or [part.path]:
        bench = _SESSION if session == part.path else session.parent.name
        shutil.copytree(session, target / folder.BENCHES / bench / session.name, symlinks=True)


def _own_entries(parts: Sequence[Part], name: str, command: str) -> Iterator[Entry]:
    newest = max(parts, key=lambda part: part.began.started).began
    commits = {part.began.harness_commit for part in parts}
    yield replace(
        newest,
        id=name,
        started=min(part.began.started for part in parts),
        command=command,
        harness_commit=newest.harness_commit if len(commits) == 1 else "",
        harness_commit_note=newest.harness_commit_note if len(commits) == 1 else "runs of different commits",
        surroundings={"merged runs": ", ".join(part.began.id for part in parts)},
        sources=[source for part in parts for source in part.began.sources],
    )
    for part in parts:
        # A run of one session has its end, or none, in that session's journal.
        if sessions.sessions(part.path):
            yield from (entry for entry in part.own[1:] if not isinstance(entry, Ended))
            if not any(isinstance(entry, Ended) for entry in part.own):
                yield RunError(f"the run {part.began.id} did not finish")
    conflicts = [text for one, other in combinations(parts, 2) for text in conflicts_of(one, other)]
    if conflicts:
        yield FellShort([Shortfall("conflict", text) for text in conflicts])
    yield Ended(max(part.report.run.ended for part in parts), sum(part.report.run.duration_s for part in parts))


def conflicts_of(one: Part, other: Part) -> Iterator[str]:
    """What two runs contradict each other in."""
    names = f"{one.began.id} and {other.began.id}"
    if one.began.harness_commit != other.began.harness_commit:
        yield f"{names} are of different commits of the harness"
    items = {bench: item for item in one.report.scope for bench in item.benches}
    for item in other.report.scope:
        for bench in item.benches:
            before = items.get(bench)
            if before and (before.item, before.name) != (item.item, item.name):
                yield f"bench {bench} is {before.item} ({before.name}) and {item.item} ({item.name}) in {names}"
    facts = _facts(one)
    for bench, found in _facts(other).items():
        for what, value in found.items():
            if facts.get(bench, {}).get(what, value) != value:
                yield f"{what} of {bench} differs between {names}"
    verdicts = {(result.requirement, result.site): result.verdict for result in one.report.results}
    for result in other.report.results:
        pair = {verdicts.get((result.requirement, result.site)), result.verdict}
        if pair == {"pass", "fail"}:
            where = f"{result.site.bench} ({result.site.way})"
            yield f"{result.requirement} on {where} passed in one and failed in the other of {names}"


def _facts(part: Part) -> dict[str, dict[str, str]]:
    return {entry.bench: entry.facts for entry in part.entries if isinstance(entry, ItemIdentified)}
