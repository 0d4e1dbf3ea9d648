# SPDX-License-Identifier: Apache-2.0
"""A pytest session as a run of the report: the plugin object behind ``harness.report.recorder``."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn

import pytest

from harness import events
from harness.errors import EXIT_BENCH_ERROR, BenchError
from harness.process import ending
from harness.process.command import reason
from harness.report.chain import manifest
from harness.report.evidence import catalogue, eventlog, folder, reader
from harness.report.evidence.document import accepted, build, status_of_pytest
from harness.report.evidence.eventlog import EventLog
from harness.report.evidence.journal import (
    NOTHING_SELECTED,
    CaseBegan,
    CaseDone,
    Ended,
    Entry,
    Journal,
    Narrowed,
    RunError,
)
from harness.report.evidence.model import Case, Report, Requirement
from harness.report.pages import html, readings, sessions
from harness.report.recording import attempts, known, planning
from harness.report.recording.case import CaseUnderWay
from harness.report.recording.junit import JunitFile
from harness.report.recording.keys import EVIDENCE, SHARED_EVIDENCE, site
from harness.report.recording.records import ACCESS, METRICS, OBSERVATIONS
from harness.report.recording.terminal import TerminalProgress, untold
from harness.report.scope import loaded, plugins, provenance, surroundings
from harness.report.scope.selection import Selection
from harness.report.verdict import shortfalls

# How a session ends that did not even come to look for tests; any other status is the answer to a question.
_BROKE = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR)
_ATTEMPT = pytest.StashKey[int]()

SELECTION: Final = "harness-selection"  # The name of the plugin that watches what a session leaves out.


class RunRecorder:
    """Records one session into one folder. ``folder`` is its absolute path; ``requirements`` the catalogue by id.

    The folder is made at once. A plugin may answer a question, and no tests are looked for or refused: then there is no
    run, and the folder goes away again. Raises UsageError and BenchError when no report can be written.
    """

    def __init__(self, config: pytest.Config, requirements: Mapping[str, Requirement]) -> None:
        self._began = time.monotonic()
        self._base: Path = config.getoption("--report-dir")
        self.folder = folder.make(self._base.absolute(), folder.run_id())
        self._config = config
        self._process = os.getpid()
        self._journal = Journal(self.folder / folder.JOURNAL)
        self._catalogue = requirements
        command = shlex.join(["pytest", *map(str, config.invocation_params.args)])
        around = surroundings.of_session(config)
        self._suites = surroundings.suites(config)
        self._journal.write(provenance.began(self.folder.name, command, [*requirements.values()], around, self._suites))
        if self._journal.lost is not None:
            self._leave_nothing()
            raise BenchError(f"no report can be written: {reason(self._journal.lost)}")
        for entry in loaded.at_begin(config, self._journal.entries, self._suites):
            self._journal.write(entry)
        self._selection = Selection(config)
        config.pluginmanager.register(self._selection, SELECTION)
        self._case: CaseUnderWay | None = None
        self._attempts: list[Case] = []
        self._started = False
        self._collecting = False
        self._log = EventLog(self.folder, self._case_folder)
        self._lost: OSError | None = None
        self._unwritten: OSError | None = None
        self._broken = ""
        """What another plugin could not do at the end."""
        self._output = sys.stdout
        self._report: Report | None = None
        self._junit = JunitFile(config, self.folder / folder.JUNIT)
        self._subscriptions: list[Callable[[], None]] = []
        self._progress: TerminalProgress | None = None

    def make_evidence_folder(self, item: pytest.Item) -> Path:
        """Make the folder of an item's evidence; its name identifies the test and is valid in any file system."""
        module, _, test = item.nodeid.partition("::")
        # pytest leaves the file out when it is alone below its root folder.
        module = module or item.path.name
        names = [*Path(module).with_suffix("").parts, test]
        path = self.folder.joinpath(folder.EVIDENCE, *map(folder.safe_name, names))
        # A folder that somebody has removed does not come back in parts.
        self.folder.stat()
        path.mkdir(parents=True, exist_ok=True)
        return path

    def add(self, entry: Entry) -> None:
        """Write down something that is known by now."""
        self._journal.write(entry)

    @property
    def cases(self) -> list[Case]:
        """The cases that have ended."""
        return attempts.joined(entry.case for entry in self._journal.entries if isinstance(entry, CaseDone))

    def add_error(self, message: str, *, usage: bool = False) -> None:
        """Write down something that went wrong outside of all tests."""
        self._journal.write(RunError(message, usage))

    def ended_suddenly(self, call: str) -> NoReturn:
        """Something called ``os._exit`` in this process, or the like: end the session, with its report, instead."""
        words = f"{call} would have ended pytest without a verdict"
        self.add_error(words)
        pytest.exit(words, returncode=EXIT_BENCH_ERROR)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Refuse what would run tests without this recorder."""
        self._started = True
        try:
            plugins.refuse_loops(self._config)
        except pytest.UsageError as error:
            self.add_error(str(error), usage=True)
            raise

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Now it is a run. Connect the event stream with its files and with the terminal."""
        folder.show_as_latest(self.folder)
        self._collecting = True
        # Until the end, the page says that the run did not finish: some ends leave nobody to write another one.
        with contextlib.suppress(OSError):
            sessions.write(self._config, self.folder, build(self._journal.entries))
        for subscriber in (self._log, planning.faults(self._config, self._journal.write)):
            self._subscriptions.append(events.session.subscribe(subscriber))
        descriptor = self._config.getoption(sessions.OF_A_PART)
        if descriptor is not None:
            self._subscriptions.append(events.session.subscribe(eventlog.pipe(descriptor)))
        self._progress = TerminalProgress.wanted(self._config)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Reject invalid marks: unknown requirements, known failures without an end."""
        try:
            catalogue.check(items, self._catalogue)
            for item in items:
                known.check(item)
        except pytest.UsageError as error:
            self.add_error(str(error), usage=True)
            raise

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Report a suite that cannot be imported."""
        if report.failed:
            self.add_error(f"cannot collect {report.nodeid}: {report.longreprtext.strip().splitlines()[-1]}")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write down what is going to run."""
        for entry in planning.entries(self._config, session.items, self._selection.narrowed):
            self._journal.write(entry)
        events.session.emit(events.CasesPlanned(total=len(session.items)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Write down that a test begins, before anything of it can hang."""
        case = self._begin_attempt(item)
        self._attempts = []
        self._flush_terminal()
        bench = site(item).bench
        events.session.emit(events.CaseStarted(case=item.nodeid, bench=bench, requirements=tuple(case.requirements)))
        try:
            result = yield
            if not self._attempts:
                self.add_error(f"{item.nodeid} was run by another plugin without being recorded", usage=True)
                item.session.shouldstop = "a test was run without being recorded"
            return result
        finally:
            self._case = None
            if self._attempts:
                self._publish(attempts.whole(self._attempts))
            self._lost = self._lost or self._journal.lost or self._log.lost
            if asked := ending.asked_with():
                # Somebody has caught the exception that the signal raised, and went on.
                item.session.shouldstop = asked.name
            if self._lost is not None:
                # What is judged from now on would be lost.
                item.session.shouldstop = f"the evidence could not be written: {reason(self._lost)}"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch the body itself."""
        case = self._case
        if case is None or case.item is not item or os.getpid() != self._process:
            return (yield)
        if not case.called:
            with ending.insisting(), case.body.watched(item):
                return (yield)
        # A plugin tries again in the middle of its own report, and will make none of this attempt.
        self._finish_case(case)
        case = self._begin_attempt(item)
        with ending.insisting(), case.unreported(), case.body.watched(item):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Judge a phase; after the last one, write the case down."""
        case = self._case
        if case is None or case.item is not item or os.getpid() != self._process:
            return (yield)
        if call.when == "setup" and case.begun:
            case = self._begin_attempt(item)
        case.add(call)
        if call.when == "teardown":
            case.write_properties()
        report = yield
        case.hear(report)
        case.keep_text(report)
        failure = case.known_failure
        if call.when == "call" and case.outcome.verdict == "fail" and failure and not failure.expired:
            # The form in which pytest itself carries an expected failure: not counted as failed, shown with a reason.
            report.outcome = "skipped"
            report.wasxfail = f"known failure: {failure.reason} ({failure.link}, until {failure.expires})"
        if call.when == "teardown":
            self._finish_case(case)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, tuple[str, str, object], tuple[str, str, object]]:
        """Keep pytest's letters off the terminal while the progress has it."""
        status = yield
        return (status[0], "", "") if self._progress else status

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hear what plugins have made of a report after it was judged."""
        case = self._case
        if case is not None and case.item.nodeid == report.nodeid and not case.ended:
            case.hear(report)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """A signal, ``pytest.exit`` with a message, or a session that was stopped for a reason."""
        message = str(excinfo.value)
        self.add_error(f"the run was interrupted: {'Ctrl-C' if message in ('', signal.SIGINT.name) else message}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        """An error in pytest or one of its plugins, this one included."""
        self.add_error(f"internal error of pytest: {str(excrepr).strip().splitlines()[-1]}")

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
        """Make the report in every case, and give the session its exit status."""
        try:
            return (yield)
        except BaseException as error:  # sys.exit, too: who comes behind it has had no say.
            self._broken = self._junit.what_broke(error)
            self.add_error(self._broken)
            return None
        finally:
            for unsubscribe in self._subscriptions:
                unsubscribe()
            if self._progress:
                self._progress.close()
                self._progress = None
            if self._collecting or exitstatus in _BROKE:
                self._write_shortfalls(session)
                self._report = self._finish_run(exitstatus)
                session.exitstatus = EXIT_BENCH_ERROR if self._unwritten else status_of_pytest(self._report.run)
            else:
                # A question was answered.
                self._started = False

    def pytest_unconfigure(self) -> None:
        """Say the verdict in the last line of all."""
        if self._report is None and self._started:
            # Refused before the session began: pytest then never says that it finished.
            self._report = self._finish_run(pytest.ExitCode.USAGE_ERROR)
        self._journal.close()
        if self._report is None:
            self._leave_nothing()
            return
        if self._broken:
            self._say(f"error: {self._broken}")
        run, cases = self._report.run, self._report.cases
        told = [*untold(self._config, cases), *readings.disagreements(cases)]
        for line in [*told, *shortfalls.lines(run), *run.narrowed]:
            self._say(line)
        shown = self._base / self.folder.name
        lost = self._unwritten
        first = shown / sessions.first_file(self._config)
        self._say(html.without_report(lost, shown) if lost else html.last_line(run, first))

    def _say(self, line: object) -> None:
        """After pytest: what it captured with has put the streams back that it found, and they may not be usable."""
        print(line, file=self._output, flush=True)

    def _leave_nothing(self) -> None:
        """The JUnit plugin writes its file also when a plugin has only answered a question."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._base.absolute().rmdir()

    def _begin_attempt(self, item: pytest.Item) -> CaseUnderWay:
        number = item.stash.get(_ATTEMPT, 0) + 1
        item.stash[_ATTEMPT] = number
        self._case = case = CaseUnderWay(item, self._catalogue, number)
        self._journal.write(CaseBegan(item.nodeid, site(item).bench, case.started))
        return case

    def _finish_case(self, case: CaseUnderWay) -> None:
        item = case.item
        if case.text:
            try:
                (self.make_evidence_folder(item) / case.text_name).write_text(case.text + "\n", encoding="utf-8")
                item.stash[EVIDENCE] = self.make_evidence_folder(item)
            except OSError as error:
                self._lost = error
        own = folder.files_below(item.stash[EVIDENCE]) if EVIDENCE in item.stash else []
        shared = [path for path in item.stash.get(SHARED_EVIDENCE, []) if path.is_file()]
        record = case.record([*own, *shared], self.folder)
        self._journal.write(CaseDone(record, item.stash.get(METRICS, []), item.stash.get(ACCESS, [])))
        self._attempts.append(record)
        # Another attempt at the test records its own.
        item.stash[METRICS], item.stash[ACCESS], item.stash[OBSERVATIONS] = [], [], []

    def _publish(self, record: Case) -> None:
        self._flush_terminal()
        events.session.emit(
            events.CaseEnded(
                case=record.test,
                verdict="known" if accepted(record) else record.verdict,
                duration_s=record.duration_s,
                bench=record.site.bench,
                requirements=tuple(record.requirements),
            )
        )

    def _write_shortfalls(self, session: pytest.Session) -> None:
        if stopped := self._selection.stopped(session, len(build(self._journal.entries).not_run)):
            self._journal.write(Narrowed(stopped))
        for entry in loaded.at_end(session.config, self._journal.entries, self._suites):
            self._journal.write(entry)

    def _finish_run(self, exitstatus: int) -> Report:
        if not self._collecting:
            # Refused before anybody looked for tests.
            folder.show_as_latest(self.folder)
        report = self._end(exitstatus)
        try:
            self._junit.settle(report)
            self._write(report)
        except OSError as error:
            self._unwritten = error
            self.add_error(f"the report could not be written: {reason(error)}")
            report = build(self._journal.entries)
        return report

    def _write(self, report: Report) -> None:
        folder.write_whole(self.folder / folder.RESULTS, reader.to_json(report))
        sessions.write(self._config, self.folder, report)
        manifest.write(self.folder)

    def _end(self, exitstatus: int) -> Report:
        end = Ended(datetime.now(UTC).isoformat(), time.monotonic() - self._began)
        explained = bool(build([*self._journal.entries, end]).run.reasons)
        told = any(isinstance(entry, RunError) for entry in self._journal.entries)
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            self.add_error(NOTHING_SELECTED, usage=True)
        elif exitstatus == pytest.ExitCode.USAGE_ERROR and not told:
            self.add_error("pytest rejected the run; see its message", usage=True)
        elif exitstatus != pytest.ExitCode.OK and not explained:
            self.add_error(f"pytest ended with status {int(exitstatus)}")
        self._journal.write(end)
        if self._journal.lost is not None and self._lost is None:
            # Nobody can derive from the journal what this process still knows.
            self.add_error(f"the evidence could not be written: {reason(self._journal.lost)}")
        return build(self._journal.entries)

    def _case_folder(self) -> Path | None:
        return self._case.item.stash.get(EVIDENCE, None) if self._case else None

    def _flush_terminal(self) -> None:
        if self._progress:
            self._progress.flush()
