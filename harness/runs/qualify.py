# SPDX-License-Identifier: Apache-2.0
"""A qualification: a session for each bench or placement, several side by side, and one report of them all."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from harness.errors import EXIT_USAGE, BenchError, HarnessError
from harness.events import Event
from harness.process.command import sentence
from harness.provision.cache import cache_dir
from harness.report.chain import manifest
from harness.report.evidence import catalogue, folder, merge, reader
from harness.report.evidence.document import build, status_of_pytest
from harness.report.evidence.journal import NOTHING_SELECTED, Ended, Entry, Journal, ProofFound, RunError
from harness.report.evidence.model import Report
from harness.report.pages import html, readings
from harness.report.scope import proofs, provenance
from harness.report.verdict import shortfalls
from harness.runs.cost import Meter, Spent
from harness.runs.rerun import Earlier
from harness.runs.sessions import SessionResult, Sessions, last_words
from harness.shmem.requirements import CATALOGUE

_LOCK: Final = "machine-lock"
_CHOSEN: Final = "only-tests.json"


@dataclass(frozen=True)
class Part:
    """What one session tries: a bench, or one placement of a bench whose host is the session's own."""

    bench: str
    placement: str = ""

    @property
    def name(self) -> str:
        """What its folder and its errors are called."""
        return f"{self.bench}.{self.placement}" if self.placement else self.bench

    @property
    def options(self) -> list[str]:
        """The session's options."""
        return ["--bench", self.bench, *(["--placement", self.placement] if self.placement else [])]


class Qualification:
    """One run below the folder ``reports``. ``shown`` is its folder as the user wrote it, ``said`` what went wrong
    outside of all tests.

    ``order`` says who wants the run and what for, by name. With ``earlier`` this run continues that one: only what it
    left is tried, and both are in the report.
    """

    def __init__(
        self,
        sessions: Sessions,
        reports: Path,
        command: str,
        progress: Callable[[Event], None],
        order: Mapping[str, str],
        earlier: Earlier | None = None,
    ) -> None:
        self._began = time.monotonic()
        name = folder.run_id()
        self.shown = reports / name
        self._folder = folder.create(reports.absolute(), name)
        self._sessions = sessions
        self._progress = progress
        self._meter = Meter()
        self.said: list[str] = []
        self._journal = Journal(self._folder / folder.JOURNAL)
        around = {**order, **({"ignored": "; ".join(sessions.ignored)} if sessions.ignored else {})}
        requirements = list(catalogue.load(CATALOGUE).values())
        self._earlier = earlier
        began = provenance.began(name, command, requirements, around, sessions.places)
        self._journal.write(earlier.began(began) if earlier else began)
        for entry in earlier.take_up(self._folder) if earlier else ():
            self._journal.write(entry)
        if found := proofs.newest(reports, began.harness_commit):
            proofs.take(found[0], self._folder)
            self._journal.write(ProofFound(found[1]))
        if self._journal.lost is not None:
            raise BenchError(f"no report can be written: {sentence(self._journal.lost)}")

    async def run(self, parts: Sequence[Part], jobs: int) -> None:
        """Run all sessions, ``jobs`` at a time. One that breaks stops no other."""
        free = asyncio.Semaphore(jobs)
        shared = [f"--machine-lock={self._machine_lock()}"]

        async def one(part: Part) -> None:
            async with free:
                await self._session(part, shared)

        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(one(part))

    def _machine_lock(self) -> Path:
        """The folder of the lock that all qualifications of this user on the machine share: measurements are alone.

        It is in the cache, which they share as well; without one, the lock is this run's own.
        """
        try:
            shared = cache_dir() / _LOCK
            shared.mkdir(parents=True, exist_ok=True)
        except (OSError, HarnessError) as error:
            self.said.append(f"measurements may not have been alone on this machine: {sentence(error)}")
            return self._folder / _LOCK
        return shared

    async def _session(self, part: Part, options: Sequence[str]) -> None:
        report_dir = self._folder / folder.BENCHES / part.name
        try:
            options = [*options, *part.options, *self._selection(part.bench, report_dir)]
            finished = await self._sessions.run(report_dir, *options, watch=self._see)
        except (BenchError, OSError) as error:
            self.add_error(f"{part.name}: {sentence(error)}")
        else:
            self._judge(part.name, report_dir, finished)

    def _see(self, event: Event) -> None:
        self._meter(event)
        self._progress(event)

    def spent(self, report: Report) -> Spent:
        """What the run has cost, and how many access verdicts it gave."""
        return self._meter.spent(len(report.access))

    def _selection(self, bench: str, report_dir: Path) -> list[str]:
        """The options for what an earlier run has left."""
        wanted = self._earlier.wanted(bench) if self._earlier else None
        if wanted is None:
            return []
        report_dir.mkdir(parents=True, exist_ok=True)
        chosen = report_dir / _CHOSEN
        chosen.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
        return ["--only-tests", str(chosen)]

    def _judge(self, name: str, report_dir: Path, finished: SessionResult) -> None:
        """Record errors that pytest could not write into its journal."""
        if finished.status < 0:
            ended = f"{name}: pytest was ended by {signal.Signals(-finished.status).name}"
            self.add_error(f"{ended}: {finished.report.run.reasons[0]}")
        elif finished.status != (reported := status_of_pytest(finished.report.run)):
            # What was lost on the way to the report, or ended the process behind it, may have been a failure.
            self.add_error(f"{name}: pytest ended with status {finished.status}, its report with {reported}")
        elif finished.status == EXIT_USAGE and NOTHING_SELECTED not in finished.report.run.reasons:
            self.said.append(f"{name}:\n{last_words(report_dir)}")

    def add_error(self, message: str) -> None:
        """Write down, and say at the end, what went wrong outside of all tests."""
        self._journal.write(RunError(message))
        self.said.append(message)

    def finish(self, compare: Callable[[Report], Entry] | None = None) -> Report:
        """Make the report of what there is. Raises OSError when it cannot be written.

        ``compare`` holds the run against earlier ones and gives what is to be written down of that; a BenchError of it
        is an error of the run.
        """
        if self._earlier:
            self._journal.write(self._earlier.conflicts(self._folder))
        if compare:
            try:
                self._journal.write(compare(build(merge.entries(self._folder))))
            except BenchError as error:
                self.add_error(sentence(error))
        self._journal.write(Ended(datetime.now(UTC).isoformat(), time.monotonic() - self._began))
        self._journal.close()
        shutil.rmtree(self._folder / _LOCK, ignore_errors=True)
        report = build(merge.entries(self._folder))
        folder.write_whole(self._folder / folder.RESULTS, reader.to_json(report))
        merge.write_junit(self._folder, report)
        html.write(self._folder, report)
        manifest.write(self._folder)
        return report

    def summary(self, report: Report) -> Iterator[str]:
        """The text for the terminal in addition to the verdict."""
        yield from html.failures(report.cases)
        yield from html.accepted_failures(report.cases)
        yield from readings.disagreements(report.cases)
        yield from shortfalls.lines(report.run)
        yield from self.said
        yield from map(str, report.run.narrowed)
        yield from (f"  {reason}" for reason in report.run.reasons)
