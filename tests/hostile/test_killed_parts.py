# SPDX-License-Identifier: Apache-2.0
"""``kill -9`` of one part of a run, at any moment: nothing is left, and the run says what has gone.

A part that dies is a bench error: the exit status is 2, or 0 where the part had done its work. It is never the
status of a requirement that failed.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.loopback.resource import LoopbackBoard
from tests import programs
from tests.bench.mini_suite import MiniSuite, emulated
from tests.boards.lab import Lab
from tests.boards.session import Session
from tests.command.adopting import adopted, commands
from tests.hostile.another_user import common_place
from tests.remote.lab import PLACE, RemoteLab
from tests.remote.test_remote_lab import _command, _suites

ROUNDS = 20
LONGEST = 12.0
"""Seconds after which a part is killed at the latest; whether the run is over then depends on the machine."""
LEFT_SECONDS = 120.0
PARTS = {
    "daemon": "harness.emulator.daemon",
    "qemu": "qemu-system-",
    "qvm": "/qvm @",
    "pytest": "-m pytest",
}
_TEST = """
def test_1(deploy):
    for turn in range(3):
        one, two = deploy("allow a*", "")
        for number in range(10):
            left, right = one.attach(f"a{number}", 2), two.attach(f"a{number}")
            left.signal(right.index)
            assert right.pending() == {left.index}
            left.detach()
            right.detach()
        one.cut_power()
"""

_ON_BOARD = """
for number in range(5):
    one, two = deploy("allow a*", "")
    one.attach(f"a{number}", 2)
    one.cut_power()
"""

rounds = pytest.mark.parametrize("round_", range(ROUNDS))


def _kill_later(run: programs.Program[str], above: int, part: str, moment: float) -> str:
    """Kill the part at the moment, or as soon as there is one; returns what was killed.

    It is looked for below the process ``above``.
    """
    time.sleep(moment)
    found: dict[int, str] = {}
    while not found and commands(run.pid):
        found = {pid: line for pid, line in commands(above).items() if part in line and "ctypes.CDLL" not in line}
        time.sleep(0.01)
    if not found:
        return ""
    victim = random.choice(list(found))
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    return found[victim]


def _finished(run: programs.Program[str]) -> int:
    """The exit status; nothing is left below the process that has adopted the run."""
    assert run.stdout
    ended = re.fullmatch(r"ended (-?\d+)\n", run.stdout.readline())
    assert ended
    programs.until(lambda: run.poll() is not None, lambda: f"left: {commands(run.pid)}", LEFT_SECONDS)
    return int(ended[1])


def _judge(status: int, said: str, killed: str) -> None:
    assert "INTERNALERROR" not in said, said
    assert "Traceback" not in said, said
    assert status in (0, 2), f"status {status} after the end of {killed}:\n{said}"
    if status == 2:
        assert re.search(r"(?i)qemu|host|guest|qvm|console|board|ssh|coordinator", said), said


@pytest.mark.long
@rounds
@pytest.mark.parametrize("part", PARTS)
def test_a_run_whose_part_is_killed(tmp_path: Path, part: str, round_: int) -> None:
    mini = MiniSuite(tmp_path)
    mini.benches(bench=emulated())
    mini.test(_TEST)
    moment = random.uniform(0.0, LONGEST)
    command = mini.command("--lg-env", "benches.yaml", "test_it.py")
    with common_place() as places:
        environment = {**mini.variables(), "TMPDIR": str(places)}
        with adopted(command, mini.folder, tmp_path / "output", environment) as run:
            assert run.stdout
            run.stdout.readline()
            killed = _kill_later(run, run.pid, PARTS[part], moment)
            print(f"round {round_}: {killed or 'nothing'} after {moment:.1f} s")
            status = _finished(run)
        left = [path.name for path in places.iterdir()]
    if part == "pytest" and killed:
        assert status == -signal.SIGKILL
        # What it was about to make itself may be there, but no host.
        assert [name for name in left if name.startswith("shmem-host-")] == []
        return
    _judge(status, (tmp_path / "output").read_text(), killed)
    assert left == []


@pytest.fixture(name="lab")
def _lab(tmp_path: Path) -> Iterator[Lab]:
    board = LoopbackBoard()
    lab = Lab(board, tmp_path)
    yield lab
    lab.end()
    board.close()


@pytest.mark.long
@rounds
def test_a_run_on_a_board_whose_ssh_server_is_killed(tmp_path: Path, lab: Lab, round_: int) -> None:
    session = Session(lab, tmp_path)
    session.test("board", _ON_BOARD)
    moment = random.uniform(0.0, LONGEST)
    with adopted(session._command([]), session.folder, tmp_path / "output", session.environment) as run:
        assert run.stdout
        run.stdout.readline()
        killed = _kill_later(run, os.getpid(), "sshd", moment)
        print(f"round {round_}: {killed or 'nothing'} after {moment:.1f} s")
        status = _finished(run)
    _judge(status, (tmp_path / "output").read_text(), killed)


@pytest.mark.long
@rounds
def test_a_run_in_a_lab_whose_coordinator_is_killed(tmp_path: Path, round_: int) -> None:
    lab = RemoteLab(tmp_path)
    try:
        moment = random.uniform(0.0, LONGEST)
        command = _command(lab, *_suites(lab, "suites/access/test_mixed.py"), choice=("--place", PLACE))
        environment = {**os.environ, **lab.environment}
        with adopted(command, Path(__file__).parents[2], tmp_path / "output", environment) as run:
            assert run.stdout
            run.stdout.readline()
            time.sleep(moment)
            lab.coordinator.process.kill()
            print(f"round {round_}: coordinator after {moment:.1f} s")
            status = _finished(run)
        _judge(status, (tmp_path / "output").read_text(), "the coordinator")
    finally:
        lab.close()
