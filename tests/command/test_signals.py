# SPDX-License-Identifier: Apache-2.0
"""Commands and sessions end everything that they have started, for every signal that asks them to end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.report.evidence import reader
from tests import guestless, programs
from tests.command.shell import CHECKOUT

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

SUITE = """
import pathlib, pytest, time
@pytest.fixture
def base():
    yield
    pathlib.Path("cleaned").touch()
@pytest.mark.requirement("TST-REQ-01")
def test_1(request, base): assert request.node
@pytest.mark.requirement("TST-REQ-02")
def test_2(base):
    assert base is None
    {body}
@pytest.mark.requirement("TST-REQ-03")
def test_3(request, base): assert request.node; pathlib.Path("not-reached").touch()
"""

WAITS = f'pathlib.Path("cleaned").unlink(); pathlib.Path("running").touch(); {programs.SLEEPS}'
# The exception is raised in a destructor, which the interpreter leaves as if nothing was.
LOSES = f"""
    class Slow:
        def __del__(self):
            pathlib.Path("running").touch()
            {programs.SLEEPS}
    Slow()
"""

# As libraries do it: the signal becomes an error of theirs, or nothing at all.
TURNS = f"""
    try:
        {WAITS}
    except KeyboardInterrupt:
        raise AssertionError
"""
SWALLOWS = f"""
    try:
        {WAITS}
    except KeyboardInterrupt:
        pass
"""

GO = '[time.sleep(0.01) for _ in iter(pathlib.Path("go").exists, True)]'
CLEANS_LONG = f"""
    try:
        {WAITS}
    finally:
        pathlib.Path("cleaning").touch()
        {GO}
        pathlib.Path("swept").touch()
"""

CONFTEST = (
    """
import pytest
from harness.report.recording.keys import BENCH, BenchFacts
from harness.site import Site
pytest_plugins = ["harness.report.recorder"]
def pytest_collection_modifyitems(items):
    for item in items:
        item.stash[BENCH] = BenchFacts(Site("left", "x86_64", "pci", "probe", "console"), readings={})
"""
    + guestless.CONFTEST
)
REQUIREMENTS = "".join(
    f"\n[REQUIREMENT]\nUID: TST-REQ-0{n}\nRELEASES: 7.0\nCONFIDENCE: documented\nKIND: judge\nSOURCE: x\n"
    "STATEMENT: y.\n"
    for n in range(1, 4)
)


def _session(folder: Path, body: str) -> programs.Program[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "requirements.sdoc").write_text(REQUIREMENTS)
    (folder / "test_it.py").write_text(SUITE.replace("{body}", body.strip()))
    command = [*programs.PYTEST, "--requirements", "requirements.sdoc", "."]
    run = programs.Program(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    programs.until((folder / "running").exists, "the test did not begin")
    return run


@pytest.mark.parametrize("number", SIGNALS)
def test_a_session_alone_cleans_up_and_leaves_its_report(tmp_path: Path, number: signal.Signals) -> None:
    run = _session(tmp_path, WAITS)
    run.send_signal(number)
    output, _ = run.communicate(timeout=programs.PATIENCE)
    assert run.returncode == 2, output
    assert "Traceback" not in output
    assert output.splitlines()[-1].startswith("qualification: FAIL  report: ")
    assert (tmp_path / "cleaned").exists()
    assert not (tmp_path / "not-reached").exists()
    report = reader.read(tmp_path / "reports/latest")
    said = "Ctrl-C" if number == signal.SIGINT else number.name
    assert f"the run was interrupted: {said}" in report.run.reasons
    assert report.cases[0].verdict == "pass"


@pytest.mark.parametrize("body", [TURNS, SWALLOWS])
def test_an_interrupt_that_a_library_makes_something_else_of_ends_the_session(tmp_path: Path, body: str) -> None:
    run = _session(tmp_path, body)
    run.send_signal(signal.SIGTERM)
    output, _ = run.communicate(timeout=programs.PATIENCE)
    assert run.returncode == 2, output
    assert not (tmp_path / "not-reached").exists()
    report = reader.read(tmp_path / "reports/latest")
    assert "the run was interrupted: SIGTERM" in report.run.reasons
    assert "fail" not in [case.verdict for case in report.cases]


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_that_is_lost_in_a_destructor_ends_the_session(tmp_path: Path, number: signal.Signals) -> None:
    run = _session(tmp_path, LOSES)
    run.send_signal(number)
    output, _ = run.communicate(timeout=programs.PATIENCE)
    assert run.returncode == 2, output
    assert not (tmp_path / "not-reached").exists()


def test_a_hangup_that_nohup_has_turned_off_stays_off(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = _session(tmp_path, f'pathlib.Path("running").touch(); {GO}')
    finally:
        signal.signal(signal.SIGHUP, before)
    run.send_signal(signal.SIGHUP)
    (tmp_path / "go").touch()
    output, _ = run.communicate(timeout=programs.PATIENCE)
    assert run.returncode == 0, output
    assert (tmp_path / "not-reached").exists()


def test_what_tests_of_ours_start_under_nohup_can_be_hung_up(tmp_path: Path) -> None:
    """Else each test of a hangup would wait in vain for the end of what it has started."""
    (tmp_path / "test_it.py").write_text(
        "import re\nfrom tests import programs\n\ndef test_a():\n"
        "    said = programs.run(['cat', '/proc/self/status'], capture_output=True, text=True).stdout\n"
        f"    assert int(re.search(r'SigIgn:\\s*(\\w+)', said)[1], 16) & {1 << signal.SIGHUP - 1} == 0\n"
    )
    run = programs.run(
        ["nohup", *programs.PYTEST, "-p", "tests.conftest", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout


def test_two_signals_close_together_do_not_cut_off_the_clean_up(tmp_path: Path) -> None:
    """A terminal that closes sends its hangup, and the shell that had it another one."""
    run = _session(tmp_path, CLEANS_LONG)
    run.send_signal(signal.SIGHUP)
    programs.until((tmp_path / "cleaning").exists, "the clean-up did not begin")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGHUP):
        run.send_signal(number)
    (tmp_path / "go").touch()
    output, _ = run.communicate(timeout=programs.PATIENCE)
    assert run.returncode == 2, output
    assert (tmp_path / "swept").exists()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    "words",
    [
        ["linux", "sleep 3600"],
        ["boot-time", "--arch", "aarch64", "--rounds", "99"],
    ],
    ids=["linux", "boot-time"],
)
def test_a_command_with_guests_leaves_nothing(tmp_path: Path, words: list[str], number: signal.Signals) -> None:
    places = tmp_path / "t"
    places.mkdir()
    run = programs.Program(
        [sys.executable, "-m", "harness", *words],
        cwd=CHECKOUT,
        env={**os.environ, "TMPDIR": str(places), "XDG_RUNTIME_DIR": str(places)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    programs.until(lambda: _guests(run.pid) or run.poll() is not None, "no guest was started")
    run.send_signal(number)
    _, errors = run.communicate(timeout=programs.PATIENCE)
    assert run.returncode == 130, errors
    assert re.search(r"^harness [a-z-]+: interrupted$", errors, re.MULTILINE)
    assert "Traceback" not in errors
    programs.until(lambda: not list(places.iterdir()), f"left: {list(places.iterdir())}")


def _guests(pid: int) -> bool:
    """Whether a process has a guest below it."""
    try:
        return any(
            b"qemu-system" in Path(f"/proc/{child}/cmdline").read_bytes() or _guests(child)
            for child in programs.children(pid)
        )
    except OSError:
        return False
