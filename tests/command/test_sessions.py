# SPDX-License-Identifier: Apache-2.0
"""``python -m tests``: four sessions share the tests, and all end with it."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from harness.loopback.processes import descendants
from tests import programs
from tests.command.shell import CHECKOUT

FILES = range(8)
FIRST = (0, 2, 4, 6)
"""The files with which the sessions begin, one each."""
INI = "[pytest]\npython_files = test_*.py\n"
CONFTEST = """
import os, time, pathlib, pytest
from harness.report.recording.interrupt import InterruptKeeper

LOG = pathlib.Path(__file__).with_name("log")
SESSIONS = 4

def pytest_configure(config):
    config.pluginmanager.register(InterruptKeeper())

@pytest.fixture(autouse=True)
def noted(request):
    with LOG.open("a") as log:
        log.write(f"{request.node.nodeid} {os.getpid()}\\n")

@pytest.fixture
def all_at_work():
    while len({line.split()[1] for line in LOG.read_text().splitlines()}) < SESSIONS:
        time.sleep(0.02)
"""
PLAIN = "def test_a(): ...\n\ndef test_b(): ...\n"
WAITS = f"import time\n\ndef test_a(all_at_work): ...\n\ndef test_b(): {programs.SLEEPS}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight files of two tests. Those with which sessions begin wait until all have begun."""
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for number in FILES:
        (tmp_path / f"test_{number}.py").write_text(PLAIN)
    for number in FIRST:
        (tmp_path / f"test_{number}.py").write_text("def test_a(all_at_work): ...\n\ndef test_b(): ...\n")
    return tmp_path


def start(folder: Path, *options: str, **variables: str) -> programs.Program[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return programs.Program(
        [sys.executable, "-m", "tests", "-c", str(folder / "pytest.ini"), *options, str(folder)],
        cwd=CHECKOUT,
        env={**inherited, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables},
        stdout=-1,
        stderr=-2,
        text=True,
    )


def finished(folder: Path, *options: str, **variables: str) -> tuple[int, str]:
    run = start(folder, *options, **variables)
    output, _ = run.communicate(timeout=programs.PATIENCE)
    return run.returncode, output


def noted(folder: Path) -> list[list[str]]:
    log = folder / "log"
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def test_each_test_runs_once_and_all_sessions_run_some(folder: Path) -> None:
    status, output = finished(folder)
    assert status == 0, output
    assert Counter(test for test, _ in noted(folder)) == Counter(
        f"test_{number}.py::test_{letter}" for number in FILES for letter in "ab"
    )
    assert len({pid for _, pid in noted(folder)}) == len(FIRST)
    assert sum(int(number) for number in re.findall(r"(\d+) passed", output)) == 2 * len(FILES)
    # The tests of a file stay in one session.
    assert all(len({pid for test, pid in noted(folder) if test.startswith(f"test_{n}.")}) == 1 for n in FILES)


@pytest.mark.parametrize(
    ("number", "body", "expected", "said"),
    [(0, "assert False", 1, "1 failed"), (6, "import os; os.kill(os.getpid(), 9)", 128 + 9, "")],
    ids=["failed", "killed"],
)
def test_the_exit_status_is_the_worse_one(folder: Path, number: int, body: str, expected: int, said: str) -> None:
    (folder / f"test_{number}.py").write_text(f"def test_a(all_at_work): ...\n\ndef test_b(): {body}\n")
    status, output = finished(folder)
    assert status == expected, output
    assert said in output
    assert "passed" in output


def test_an_error_of_the_collection_is_told(folder: Path) -> None:
    (folder / "test_3.py").write_text("import nothing_of_this_name\n")
    status, output = finished(folder)
    assert status == 2, output
    assert "nothing_of_this_name" in output
    assert noted(folder) == []


def test_sessions_that_collect_different_tests_are_refused(folder: Path) -> None:
    """Or a test could be left out."""
    (folder / "test_3.py").write_text("import os\n\nexec(f'def test_{os.getpid()}(): ...')\n")
    for number in FIRST:
        # Neither waits for the other one, which may be refused.
        (folder / f"test_{number}.py").write_text(PLAIN)
    status, output = finished(folder)
    assert status == pytest.ExitCode.USAGE_ERROR, output
    assert "have not collected the same tests" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_it_is_ended(folder: Path, number: signal.Signals) -> None:
    for file in FIRST:
        (folder / f"test_{file}.py").write_text(WAITS)
    run = start(folder)
    programs.until(lambda: len(noted(folder)) == 2 * len(FIRST), "the tests did not begin")
    below = descendants(run.pid)
    assert len(below) == len(FIRST)
    run.send_signal(number)
    output, _ = run.communicate(timeout=programs.PATIENCE)
    programs.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), f"left: {below}")
    if number is not signal.SIGKILL:
        assert run.returncode == pytest.ExitCode.INTERRUPTED, output
        assert "Traceback" not in output


def test_it_ends_when_nobody_reads_what_it_says(folder: Path) -> None:
    for file in FIRST:
        (folder / f"test_{file}.py").write_text(WAITS)
    run = start(folder, "-v")
    assert run.stdout
    run.stdout.close()
    run.wait(programs.PATIENCE)
    assert run.returncode == pytest.ExitCode.INTERRUPTED
