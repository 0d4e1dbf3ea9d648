# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin that turns a session into evidence.

``harness.pytest_plugin`` loads it, or ``pytest_plugins = ["harness.report.recorder"]``. It writes
``<report dir>/<run id>/`` while the session runs, and makes ``results.json``, ``junit.xml`` and the pages from it at
the end. The exit status of the session is the one of the report: 0 pass, 1 a requirement failed, 2 a bench error,
3 wrong use.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from harness.errors import EXIT_BENCH_ERROR, HarnessError
from harness.narrow import instance
from harness.process import streams, sudden
from harness.process.command import TRACEBACK, output_lost, path, report_error, sentence
from harness.process.interpreter import refuse_optimised
from harness.provision import ManifestItem
from harness.report.evidence import catalogue
from harness.report.evidence.journal import CaseDone, ComponentsRecorded, FellShort, ItemIdentified, LookedAt
from harness.report.evidence.model import Case, Component, Shortfall
from harness.report.evidence.system import SystemTried
from harness.report.judging import keeper as judging
from harness.report.recording import interrupt, known
from harness.report.recording.keys import EVIDENCE, SHARED_EVIDENCE
from harness.report.recording.records import AccessMatrix, Metrics, Observations
from harness.report.recording.rerun import RERUN, OnlyThese
from harness.report.recording.session import SELECTION, RunRecorder
from harness.report.scope import plugins, surroundings
from harness.shmem.requirements import CATALOGUE

# What pytest is asked instead of running tests, under the names that it gives its options.
_QUESTIONS: Final = (
    "cacheshow",
    "collectonly",
    "help",
    "markers",
    "setupplan",
    "show_fixtures_per_test",
    "showfixtures",
    "version",
)

_RUN: Final = "harness-run-recorder"
_COLLECTOR: Final = "python"
"""The plugin of pytest that finds tests in modules, and has settings that the report asks for."""

_RECORDER = pytest.StashKey[RunRecorder]()


def evidence_dir(item: pytest.Item) -> Path:
    """The evidence folder of an item (absolute); made at the first call."""
    if EVIDENCE not in item.stash:
        item.stash[EVIDENCE] = item.config.stash[_RECORDER].make_evidence_folder(item)
    return item.stash[EVIDENCE]


def share_evidence(item: pytest.Item, path: Path) -> None:
    """Count a file below the run's folder, but outside of the item's own, as evidence of the item too."""
    item.stash.setdefault(SHARED_EVIDENCE, []).append(path)


def run_folder(config: pytest.Config) -> Path:
    """The folder of this run (absolute), for evidence that several tests share."""
    return config.stash[_RECORDER].folder


def add_components(config: pytest.Config, parts: Iterable[ManifestItem]) -> None:
    """Tell the report what takes part in the run, with ``harness.provision.manifest()`` or what a host says of itself.

    Call it when a bench comes up; components that are recorded already are not recorded again.
    """
    components = [Component(part.name, part.version, part.sha256, part.source) for part in parts]
    config.stash[_RECORDER].add(ComponentsRecorded(components))


def add_system(config: pytest.Config, tried: SystemTried) -> None:
    """Tell the report what is known by now about a user's system on a bench."""
    config.stash[_RECORDER].add(tried)


def identify(config: pytest.Config, bench: str, facts: Mapping[str, str]) -> None:
    """Tell the report what the host of a bench says of itself, by name. Call it when the bench comes up."""
    config.stash[_RECORDER].add(ItemIdentified(bench, dict(facts)))


def cases(config: pytest.Config) -> list[Case]:
    """The cases of the run that have ended."""
    return config.stash[_RECORDER].cases if _RECORDER in config.stash else []


def withdraw(config: pytest.Config, case: Case, reason: str) -> None:
    """Take the verdict of a case back, for a reason that was found afterwards: it counts as one more attempt."""
    attempt = max(1, len(case.attempts)) + 1
    error = replace(case, verdict="error", reason=reason, attempt=attempt, attempts=[], evidence=[], observations=[])
    config.stash[_RECORDER].add(CaseDone(replace(error, duration_s=0.0, setup_s=0.0, call_s=0.0, teardown_s=0.0)))


def looked_at(config: pytest.Config, cases: Iterable[Case]) -> None:
    """Tell the report that these passes were tried with false answers, or that it has been told why they were not.

    Any other pass makes the run less than a qualification.
    """
    config.stash[_RECORDER].add(LookedAt([case.test for case in cases]))


def add_error(config: pytest.Config, message: str) -> None:
    """Tell the report of something that went wrong outside of all tests."""
    config.stash[_RECORDER].add_error(message)


def fall_short(config: pytest.Config, shortfall: Shortfall) -> None:
    """Tell the report why the run is less than a qualification, whatever its tests have found."""
    config.stash[_RECORDER].add(FellShort([shortfall]))


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Path:
    """The evidence folder of this test. All files in it after the teardown are linked in the report."""
    return evidence_dir(request.node)


@pytest.fixture
def metrics(request: pytest.FixtureRequest) -> Metrics:
    """Records figures: ``metrics.record(name=..., unit=..., value=..., reference=...)``."""
    return Metrics(request.node)


@pytest.fixture
def access_matrix(request: pytest.FixtureRequest) -> AccessMatrix:
    """Records access verdicts for the picture of the report: ``access_matrix.record(configuration=..., ...)``."""
    return AccessMatrix(request.node)


@pytest.fixture
def observations(request: pytest.FixtureRequest) -> Observations:
    """Records what a characterisation saw: ``observations.record("index after re-attach", "lowest free")``."""
    return Observations(request.node)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Where the report goes, and what the tests may name. Judgements are counted in every module that is read later."""
    judging.arm(instance(pytest.Config, pluginmanager.get_plugin("pytestconfig")))
    group = parser.getgroup("report")
    group.addoption(
        "--report-dir",
        type=path,
        default=Path("reports"),
        metavar="DIR",
        help="folder for reports; each run makes a folder of its own in it, and DIR/latest points at the newest",
    )
    group.addoption(
        "--events-to",
        type=int,
        metavar="FD",
        help="write a JSON line for each event to this open descriptor (harness qualify)",
    )
    group.addoption(
        "--only-tests",
        type=path,
        metavar="FILE",
        help="run only the tests of this list (harness qualify --rerun)",
    )
    group.addoption(
        "--requirements",
        type=path,
        default=CATALOGUE,
        metavar="FILE",
        help="the requirements that tests may name, in the format of StrictDoc (default: those on vdev shmem)",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main() -> Generator[None, Any, Any]:
    """Turn an error of the harness into status 2 and one sentence; a closed output pipe is no error."""
    streams.settle()
    output = sys.stdout
    try:
        status = yield
    except pytest.UsageError:
        raise
    except Exception as error:
        streams.settle()
        status = report_error("pytest", error)
        sudden.settled(status)
        return status
    # What pytest captured with has put the streams back that it found.
    streams.settle()
    if lost := streams.lost(output):
        status = report_error("pytest", output_lost(lost))
    sudden.settled(int(status or 0))
    return status


@pytest.hookimpl(tryfirst=True)
def pytest_internalerror(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Print a sentence instead of pytest's traceback."""
    if os.environ.get(TRACEBACK):
        print("".join(traceback.format_exception(excinfo.value)), file=sys.stderr)
    pytest.exit(sentence(excinfo.value), returncode=EXIT_BENCH_ERROR)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Open the run before the JUnit plugin determines the path of its file."""
    config.addinivalue_line(
        "markers",
        "requirement(*ids): requirements that this test gives evidence for; those that the catalogue calls characterise"
        " are recorded and not judged",
    )
    config.addinivalue_line(
        "markers", f"{known.MARKER}(reason, link, expires, bench): a failure that is accepted until a date"
    )
    if config.option.setuponly and not config.option.setupplan:
        where = surroundings.source(config, "--setup-only")
        raise pytest.UsageError(
            f"--setup-only ({where}) starts benches and runs no test, so there is nothing to judge;"
            " --setup-plan shows what would be set up, --setup-show what is"
        )
    if not any(config.getoption(name, default=False) for name in _QUESTIONS):
        plugins.refuse_runners(config)
        plugins.refuse_sudden_ends(config)
        for name in (interrupt.NAME, _RUN, SELECTION, judging.KEEPER, _COLLECTOR):
            if config.pluginmanager.is_blocked(name):
                raise pytest.UsageError(f"-p no:{name} takes away what the verdict of a run depends on: leave it out")
        config.pluginmanager.register(interrupt.InterruptKeeper(), interrupt.NAME)
        try:
            refuse_optimised()
            judging.check(config)
            requirements = catalogue.load(config.getoption("--requirements"))
            if only := config.getoption("--only-tests"):
                config.pluginmanager.register(OnlyThese(only), RERUN)
        except HarnessError as error:
            raise pytest.UsageError(str(error)) from error
        try:
            config.stash[_RECORDER] = RunRecorder(config, requirements)
        except HarnessError as error:
            pytest.exit(str(error), returncode=error.exit_status)
        config.pluginmanager.register(judging.JudgementKeeper(requirements), judging.KEEPER)
        config.pluginmanager.register(config.stash[_RECORDER], _RUN)
        sudden.refused(config.stash[_RECORDER].ended_suddenly)
