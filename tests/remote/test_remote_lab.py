# SPDX-License-Identifier: Apache-2.0
"""A board of a remote lab: acquired, used by the suites through RemotePlace, released however the run ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import BenchError
from harness.remote.place import acquire
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
    """The lab, with a place that nobody has."""
    yield servers
    if servers.acquired_by():
        servers.lab.client("-p", PLACE, "release", "--kick")


def _on_place(lab: RemoteLab, *command: str, choice: tuple[str, ...] = ("--place", PLACE)) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from harness.cli import main; sys.exit(main())",
            "on-place",
            "--coordinator",
            lab.address,
            *choice,
            "--",
            *command,
        ],
        cwd=CHECKOUT,
        env={**os.environ, **lab.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _suites(lab: RemoteLab, *options: str) -> list[str]:
    target = lab.target(CHECKOUT / "targets/qemu-x86_64")
    options = ("-p", "no:cacheprovider", "--lg-env", str(target), "--report-dir", str(lab.folder / "reports"), *options)
    return [sys.executable, "-m", "pytest", *options]


def _until_acquired(lab: RemoteLab) -> None:
    deadline = time.monotonic() + 30
    while not lab.acquired_by():
        assert time.monotonic() < deadline


def test_the_access_suite_runs_through_a_place_and_gives_it_back(lab: RemoteLab) -> None:
    run = _on_place(lab, *_suites(lab, "suites/access/test_allow.py"), choice=("--tag", "board=loopback"))
    said, _ = run.communicate(timeout=180)
    assert run.returncode == 0, said
    assert lab.acquired_by() == ""
    results = json.loads((lab.folder / "reports/latest/results.json").read_text())
    assert {entry["verdict"] for entry in results["results"]} == {"pass"}
    (host,) = [part for part in results["run"]["parts"] if part["name"] == "host remote"]
    assert "console NetworkSerialPort 127.0.0.1:" in host["source"]
    assert "(rfc2217)" in host["source"]


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
    lab.wait_released(30)
    run.communicate(timeout=30)
    assert not _lives(command)


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended may still be waiting for its funeral."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_an_interrupt_reaches_the_command_before_the_place_is_released(lab: RemoteLab, tmp_path: Path) -> None:
    note = tmp_path / "cleaned"
    script = (
        "import pathlib, time\n"
        "try:\n    print('up', flush=True); time.sleep(600)\n"
        f"finally:\n    pathlib.Path({str(note)!r}).touch()"
    )
    run = _on_place(lab, sys.executable, "-c", script)
    assert run.stdout is not None
    assert run.stdout.readline() == "up\n"
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert note.exists()
    assert lab.acquired_by() == ""


def test_a_place_that_somebody_has_is_not_taken(lab: RemoteLab) -> None:
    hold = acquire(lab.lab, PLACE)
    try:
        run = _on_place(lab, "true")
        said, _ = run.communicate(timeout=60)
        assert run.returncode == 2
        assert "already acquired" in said
        assert lab.acquired_by() != ""
    finally:
        hold.release()


def test_a_place_that_was_not_acquired_is_wrong_use_or_trouble_in_plain_words(lab: RemoteLab) -> None:
    done = subprocess.run(
        _suites(lab, "suites/access/test_allow.py"),
        cwd=CHECKOUT,
        env={**os.environ, **lab.environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "not acquired" in done.stdout + done.stderr


def test_an_exporter_that_is_gone_is_trouble_of_the_bench(lab: RemoteLab) -> None:
    os.kill(lab.exporter.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(BenchError, match="labgrid-client"):
            lab.lab.client("-p", PLACE, "acquire", timeout=20)
    finally:
        os.kill(lab.exporter.process.pid, signal.SIGCONT)
        if lab.acquired_by():
            lab.lab.client("-p", PLACE, "release")
