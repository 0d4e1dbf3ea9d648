# SPDX-License-Identifier: Apache-2.0
"""A board of a remote lab: acquired, used by the suites through RemotePlace, released however the run ends."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import BenchError
from harness.remote.place import acquire
from tests import programs
from tests.remote.lab import PLACE, RemoteLab

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteLab]:
    """The lab, for all tests."""
    lab = RemoteLab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.close()


@pytest.fixture
def lab(servers: RemoteLab) -> Iterator[RemoteLab]:
    """The lab, with a free place."""
    yield servers
    if servers.acquired_by():
        servers.lab.client("-p", PLACE, "release", "--kick")


def _command(lab: RemoteLab, *command: str, choice: tuple[str, ...] = ("--place", PLACE)) -> list[str]:
    program = "import sys; from harness.cli import main; sys.exit(main())"
    return [sys.executable, "-c", program, "on-place", "--coordinator", lab.address, *choice, "--", *command]


def _on_place(lab: RemoteLab, *command: str, choice: tuple[str, ...] = ("--place", PLACE)) -> subprocess.Popen[str]:
    return programs.Program(
        _command(lab, *command, choice=choice),
        cwd=CHECKOUT,
        env={**os.environ, **lab.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _suites(lab: RemoteLab, *options: str) -> list[str]:
    target = lab.target(CHECKOUT / "targets/qemu-x86_64")
    options = ("--lg-env", str(target), "--report-dir", str(lab.folder / "reports"), *options)
    return [*programs.PYTEST, *options]


def _until_acquired(lab: RemoteLab) -> None:
    deadline = time.monotonic() + programs.PATIENCE
    while not lab.acquired_by():
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("choice", "tests"),
    [
        (("--tag", "board=loopback"), "suites/access/test_mixed.py"),
        (("--place", PLACE), "suites/access/test_mixed.py"),
        pytest.param(("--tag", "board=loopback"), "suites/access", marks=pytest.mark.long),
    ],
    ids=["reserved", "named", "whole"],
)
def test_the_access_suite_runs_through_a_place_and_gives_it_back(
    lab: RemoteLab, choice: tuple[str, ...], tests: str
) -> None:
    run = _on_place(lab, *_suites(lab, tests), choice=choice)
    said, _ = run.communicate(timeout=programs.PATIENCE)
    assert run.returncode == 0, said
    assert lab.acquired_by() == ""
    results = json.loads((lab.folder / "reports/latest/results.json").read_text())
    assert {entry["verdict"] for entry in results["results"] if entry["verdict"] != "skipped"} == {"pass"}
    (host,) = [part for part in results["run"]["parts"] if part["name"] == "host remote"]
    assert "console NetworkSerialPort 127.0.0.1:" in host["source"]
    assert "(rfc2217)" in host["source"]


_CLEANS_UP = f"""
import pathlib, sys, time
try:
    print("up", flush=True)
    {programs.SLEEPS}
finally:
    time.sleep(0.3)
    pathlib.Path(sys.argv[1]).touch()
"""


@pytest.mark.parametrize("victim", ["command", "keeper", "caller"])
def test_a_killed_run_gives_the_place_back(lab: RemoteLab, victim: str, tmp_path: Path) -> None:
    """Killed, not ended: neither the command nor those who watch over it can do anything about it."""
    note = tmp_path / "pid"
    run = _on_place(lab, "sh", "-c", f"echo $$ $PPID >{note}; exec sleep 600")
    _until_acquired(lab)
    while not (note.exists() and note.read_text().endswith("\n")):
        assert run.poll() is None
    command, keeper = map(int, note.read_text().split())
    os.kill({"command": command, "keeper": keeper, "caller": run.pid}[victim], signal.SIGKILL)
    lab.wait_released(programs.PATIENCE / 2)
    run.communicate(timeout=programs.PATIENCE)
    assert not _lives(command)


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended may still be waiting for its funeral."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_an_interrupt_reaches_the_command_before_the_place_is_released(lab: RemoteLab, tmp_path: Path) -> None:
    program, note = tmp_path / "program.py", tmp_path / "cleaned"
    program.write_text(_CLEANS_UP)
    run = _on_place(lab, sys.executable, str(program), str(note))
    assert run.stdout is not None
    assert run.stdout.readline() == "up\n"
    run.send_signal(signal.SIGTERM)
    said, _ = run.communicate(timeout=programs.PATIENCE)
    assert note.exists(), said
    assert lab.acquired_by() == ""


@pytest.mark.parametrize("victim", ["nobody", "command", "keeper"])
def test_the_place_is_held_until_what_the_command_started_has_ended(
    lab: RemoteLab, victim: str, tmp_path: Path
) -> None:
    """The command is a shell script; what needs the interrupt is a program in it."""
    program, cleaned = tmp_path / "program.py", tmp_path / "cleaned"
    program.write_text(_CLEANS_UP)
    script = tmp_path / "script"
    script.write_text(f"echo $$ $PPID\n{sys.executable} {program} {cleaned}\nexit 0\n")
    run = _on_place(lab, "sh", str(script))
    assert run.stdout is not None
    command, keeper = map(int, run.stdout.readline().split())
    assert run.stdout.readline() == "up\n"
    if victim == "nobody":
        run.send_signal(signal.SIGINT)
    else:
        os.kill({"command": command, "keeper": keeper}[victim], signal.SIGKILL)
    while lab.acquired_by():
        # It may release the place and end between the two questions.
        assert run.poll() is None or not lab.acquired_by(), "it ended without releasing the place"
    assert cleaned.exists()
    run.communicate(timeout=programs.PATIENCE)


_COUNTS = """
import os, pathlib, signal, sys, time
interrupts = []
signal.signal(signal.SIGINT, lambda *_: interrupts.append(1))
print(os.getppid(), flush=True)
while not interrupts:
    time.sleep(0.02)
time.sleep(1)
pathlib.Path(sys.argv[1]).write_text(str(len(interrupts)))
"""


@pytest.mark.parametrize("victim", ["nobody", "keeper"])
def test_a_command_is_interrupted_once(lab: RemoteLab, victim: str, tmp_path: Path) -> None:
    """A second interrupt would break off the clean-up that the first one began."""
    note = tmp_path / "interrupts"
    run = _on_place(lab, sys.executable, "-c", _COUNTS, str(note))
    assert run.stdout is not None
    keeper = int(run.stdout.readline())
    if victim == "keeper":
        os.kill(keeper, signal.SIGKILL)
    else:
        run.send_signal(signal.SIGINT)
    run.communicate(timeout=programs.PATIENCE)
    assert note.read_text() == "1"
    assert lab.acquired_by() == ""


def _waits(keeper: int) -> bool:
    """Whether a client of labgrid waits for a reservation."""
    commands = [Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0") for child in programs.children(keeper)]
    return any(b"wait" in command for command in commands)


def _reservations(lab: RemoteLab) -> str:
    return lab.lab.client("reservations")


@pytest.mark.parametrize("end", ["interrupt", "keeper", "caller"])
def test_waiting_for_a_place_ends_with_the_command(lab: RemoteLab, end: str, tmp_path: Path) -> None:
    hold = acquire(lab.lab, PLACE)
    owner = lab.acquired_by()
    run = _on_place(lab, "touch", str(tmp_path / "ran"), choice=("--tag", "board=loopback"))
    try:
        deadline = time.monotonic() + programs.PATIENCE
        while "waiting" not in _reservations(lab):
            assert time.monotonic() < deadline
        (keeper,) = programs.children(run.pid)
        # The coordinator has a reservation before the command knows its token; until then only time ends it.
        programs.until(lambda: _waits(keeper), "the command does not wait for its reservation")
        if end == "interrupt":
            run.send_signal(signal.SIGINT)
        else:
            os.kill({"keeper": keeper, "caller": run.pid}[end], signal.SIGKILL)
        said, _ = run.communicate(timeout=programs.PATIENCE)
        # The coordinator forgets one that nobody asks for after a minute.
        deadline = time.monotonic() + 30
        while _reservations(lab):
            assert time.monotonic() < deadline, "the reservation was not cancelled"
        assert lab.acquired_by() == owner
        if end == "interrupt":
            assert run.returncode == 2
            assert "interrupted while waiting for a place" in said
    finally:
        run.kill()
        hold.release()
    assert not (tmp_path / "ran").exists()


def _take_terminal(terminal: int) -> None:
    """Make it the terminal of a session that has begun, and its standard streams."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for stream in range(3):
        os.dup2(terminal, stream)


def test_a_command_may_read_from_the_terminal(lab: RemoteLab, tmp_path: Path) -> None:
    """One that is stopped for it, as programs in the background are, would hold the place for ever."""
    note = tmp_path / "read"
    controller, terminal = os.openpty()
    read = f"import pathlib; pathlib.Path({str(note)!r}).write_text(input())"
    with programs.Program(
        _command(lab, sys.executable, "-c", read),
        cwd=CHECKOUT,
        env={**os.environ, **lab.environment},
        start_new_session=True,
        preexec_fn=lambda: _take_terminal(terminal),
        pass_fds=[terminal],
    ) as run:
        os.write(controller, b"words\n")
        try:
            assert run.wait(programs.PATIENCE) == 0
        finally:
            run.kill()
    os.close(controller)
    os.close(terminal)
    assert note.read_text() == "words"


def test_a_place_that_is_held_is_not_taken(lab: RemoteLab) -> None:
    hold = acquire(lab.lab, PLACE)
    try:
        run = _on_place(lab, "true")
        said, _ = run.communicate(timeout=programs.PATIENCE)
        assert run.returncode == 2
        assert "already acquired" in said
        assert lab.acquired_by() != ""
    finally:
        hold.release()


@pytest.mark.parametrize(
    ("held", "status", "words"),
    [({"LG_PLACE": PLACE}, 2, "not acquired"), ({}, 3, "unknown variable 'LG_PLACE'")],
    ids=["not acquired", "not named"],
)
def test_a_place_that_was_not_acquired_is_reported_in_plain_words(
    lab: RemoteLab, held: dict[str, str], status: int, words: str
) -> None:
    done = programs.run(
        _suites(lab, "suites/access/test_allow.py"),
        cwd=CHECKOUT,
        env={**os.environ, **lab.environment, **held},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert words in done.stdout + done.stderr


def test_a_lost_exporter_is_a_bench_error(lab: RemoteLab) -> None:
    os.kill(lab.exporter.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(BenchError, match="labgrid-client"):
            lab.lab.client("-p", PLACE, "acquire")
    finally:
        os.kill(lab.exporter.process.pid, signal.SIGCONT)
        if lab.acquired_by():
            lab.lab.client("-p", PLACE, "release")
