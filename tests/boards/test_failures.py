# SPDX-License-Identifier: Apache-2.0
"""A failure during a run is recovered from, or leads to one precise error, in bounded time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import BenchError
from harness.host.protocol import GuestEndedError
from harness.loopback.processes import descendants
from tests import programs
from tests.boards.lab import Lab, within
from tests.boards.preloaded import preloaded
from tests.boards.session import Session

_ATTACH = 'guest, = deploy("")\nguest.attach("pluto").detach()'


@pytest.fixture
def session(lab: Lab, tmp_path: Path) -> Session:
    return Session(lab, tmp_path)


@contextmanager
def _other_qvm(lab: Lab, script: str, mode: int = 0o755) -> Iterator[None]:
    """The board has another qvm for a while."""
    qvm, away = lab.folder / "bin/qvm", lab.folder / "bin/qvm.away"
    qvm.rename(away)
    try:
        qvm.write_text(script)
        qvm.chmod(mode)
        yield
    finally:
        away.replace(qvm)


def test_a_host_that_reboots_during_a_test_costs_that_test_alone(session: Session) -> None:
    """And the reason is in the results."""
    session.test("before", _ATTACH)
    session.test(
        "during",
        'guest, = deploy("")\n'
        "from harness.loopback.command import command_board\n"
        'command_board(pathlib.Path(os.environ["BOARD"]), "reset")\n'
        'guest.attach("pluto")',
    )
    session.test("after", _ATTACH)
    with within(90, "host reboots during a test: error of that test, the next one passes"):
        run = session.run()
    assert run.returncode == 2, run.stdout + run.stderr
    assert session.verdicts == {"before": "pass", "during": "error", "after": "pass"}


def test_the_report_names_how_guests_and_host_were_reached(session: Session) -> None:
    session.test("it", _ATTACH)
    run = session.run()
    assert run.returncode == 0, run.stdout + run.stderr
    (entry,) = session.results["results"]
    assert entry["via"] == "serial"
    (host,) = [part for part in session.results["run"]["parts"] if part["name"] == "host board"]
    assert host["version"].startswith("SSH-2.0-OpenSSH")
    assert "ssh board@127.0.0.1:" in host["source"]
    assert "console RawSerialPort /dev/pts/" in host["source"]


def test_a_qvm_that_refuses_a_guest_is_quoted(lab: Lab) -> None:
    host = lab.ready()
    with (
        _other_qvm(lab, "#!/bin/sh\necho 'no licence' >&2\nexit 64\n"),
        within(10, "qvm refuses: error"),
        pytest.raises(GuestEndedError, match=r"(?s)exit status 64.*no licence"),
    ):
        lab.start_guest(host).wait_console(programs.PATIENCE)


def test_a_qvm_that_may_not_be_run_is_said_so(lab: Lab) -> None:
    host = lab.ready()
    with (
        _other_qvm(lab, "not a program", mode=0o644),
        within(10, "qvm may not be run: error"),
        pytest.raises(GuestEndedError, match=r"(?s)exit status 12[67].*(denied|not found)"),
    ):
        lab.start_guest(host).wait_console(programs.PATIENCE)


def test_a_qvm_that_dies_is_noticed_with_its_signal(lab: Lab) -> None:
    host = lab.ready()
    guest = lab.start_guest(host)
    guest.wait_console(programs.PATIENCE)
    os.kill(int((lab.home / "shmem-harness/guest0.pid").read_text()), signal.SIGSEGV)
    with within(10, "qvm dies: noticed"):
        assert guest.wait_end(programs.PATIENCE) == 128 + signal.SIGSEGV


def test_a_guest_whose_virtual_machine_breaks_is_noticed_with_qvms_words(lab: Lab) -> None:
    host = lab.ready()
    guest = lab.start_guest(host)
    guest.wait_console(programs.PATIENCE)
    (qemu,) = (pid for pid in descendants(lab.board.pid) if "qemu-system" in Path(f"/proc/{pid}/cmdline").read_text())
    with within(10, "virtual machine breaks: noticed"):
        os.kill(qemu, signal.SIGKILL)
        assert guest.wait_end(programs.PATIENCE) == 96
    assert "QEMU ended" in guest.messages()


def test_a_host_that_loses_qvm_between_two_guests_says_so(lab: Lab) -> None:
    host = lab.ready()
    (lab.folder / "bin/qvm").rename(lab.folder / "bin/qvm.away")
    try:
        with (
            within(10, "qvm missing at the start of a guest: error"),
            pytest.raises(GuestEndedError, match="not found"),
        ):
            lab.start_guest(host).wait_console(programs.PATIENCE)
    finally:
        (lab.folder / "bin/qvm.away").rename(lab.folder / "bin/qvm")


def test_a_guest_that_never_appears_is_not_waited_for_without_end(lab: Lab) -> None:
    host = lab.ready()
    with (
        _other_qvm(lab, "#!/bin/sh\necho starting\nexec sleep 600\n"),
        within(15, "qvm hangs at its start: error"),
        pytest.raises(BenchError, match=r"(?s)guest0 did not start within 1 s.*starting"),
    ):
        lab.start_guest(host).wait_console(1.0)


@pytest.mark.parametrize("seconds", [86400, -86400], ids=["ahead", "back"])
def test_a_clock_that_jumps_does_not_end_or_hang_a_run(session: Session, tmp_path: Path, seconds: int) -> None:
    """The clock of the machine that tests jumps by a day while guests run."""
    clock = tmp_path / "clock"
    clock.write_text("0")
    session.environment |= {"LD_PRELOAD": str(preloaded("clock")), "CLOCK_FILE": str(clock)}
    jump = f"pathlib.Path(os.environ['CLOCK_FILE']).write_text('{seconds}')"
    session.test("before", _ATTACH)
    session.test("during", f'guest, = deploy("")\nregion = guest.attach("pluto")\n{jump}\nregion.detach()')
    session.test("after", 'deploy("allow a")\n' + _ATTACH)
    with within(60, f"clock jumps {'ahead' if seconds > 0 else 'back'} by a day: run goes on"):
        run = session.run()
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(session.verdicts.values()) == {"pass"}
    assert "1970" not in run.stdout
