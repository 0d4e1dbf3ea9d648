# SPDX-License-Identifier: Apache-2.0
"""A hypervisor host over SSH and serial: what is started, seen, and taken back. Real guests run on it."""

from __future__ import annotations

import posixpath
from pathlib import Path

import pytest
from labgrid.strategy import StrategyError

from harness.errors import BenchError
from harness.guest.probe import Probe
from harness.guest.target import GuestTarget
from harness.host.protocol import REJECTED, GuestEndedError, HostGuest, stop_guests
from harness.host.qnx.leftovers import end_leftovers
from tests import programs
from tests.boards.lab import Lab


def _probe(guest: HostGuest, folder: Path) -> tuple[GuestTarget, Probe]:
    target = GuestTarget(guest.system, guest.wait_console(programs.PATIENCE), folder / f"{guest.system}.console.log")
    return target, Probe(target.console.transport(), guest.system)


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_guests_run_side_by_side_and_answer_on_their_consoles(lab: Lab, tmp_path: Path) -> None:
    host = lab.ready()
    guests = [lab.start_guest(host, number) for number in range(2)]
    consoles = [_probe(guest, tmp_path) for guest in guests]
    for _, probe in consoles:
        assert probe.identify(timeout=programs.PATIENCE).architecture == "x86_64"
        assert probe.attach("pluto", 2).index in (0, 1)
    for target, _ in consoles:
        target.close()
    stop_guests(guests, "power-cut", programs.PATIENCE)
    assert [guest.exit_status() for guest in guests] == [3, 3]


def test_the_power_button_ends_a_guest_in_order(lab: Lab) -> None:
    """QNX Hypervisor 8.0 User's Guide, "qvm process exit codes"; the probe has no operating system that would react,
    so the second press ends it ("Shutting down guests")."""
    host = lab.ready()
    guest = lab.start_guest(host)
    guest.wait_console(programs.PATIENCE)
    guest.request_stop("power-button")
    guest.request_stop("power-button")
    assert guest.wait_end(programs.PATIENCE) == 0


def test_a_wrong_configuration_is_shown_with_our_line(lab: Lab) -> None:
    host = lab.ready()
    guest = lab.start_guest(host, options="colour red")
    with pytest.raises(GuestEndedError, match=r"(?s)exit status 65.*guest0.qvmconf, line 14: colour red") as error:
        guest.wait_console(programs.PATIENCE)
    assert error.value.exit_status == 65


def test_the_state_of_the_devices_is_shown_on_a_signal(lab: Lab, tmp_path: Path) -> None:
    host = lab.ready()
    guest = lab.start_guest(host)
    target, probe = _probe(guest, tmp_path)
    probe.attach("pluto", 1)
    guest.request_report()
    assert "pluto" in guest.wait_message("pluto", 10)
    assert guest.exit_status() is None
    target.close()


def test_an_entry_below_dev_qvm_exists_exactly_while_the_guest_lives(lab: Lab) -> None:
    host = lab.ready()
    assert not host.path_exists("/dev/qvm/guest0")
    guest = lab.start_guest(host)
    guest.wait_console(programs.PATIENCE)
    assert host.path_exists("/dev/qvm/guest0")
    stop_guests([guest], "power-cut", programs.PATIENCE)
    assert not host.path_exists("/dev/qvm/guest0")


def test_a_second_start_of_a_name_is_a_guest_that_ends_and_the_first_goes_on(lab: Lab) -> None:
    host = lab.ready()
    first = lab.start_guest(host)
    first.wait_console(programs.PATIENCE)
    noted = (lab.home / "shmem-harness/guest0.pid").read_text()
    with pytest.raises(GuestEndedError) as ended:
        lab.start_guest(host).wait_console(programs.PATIENCE)
    assert ended.value.exit_status == REJECTED
    assert first.exit_status() is None
    assert (lab.home / "shmem-harness/guest0.pid").read_text() == noted


@pytest.mark.parametrize("keep", [True, False])
def test_the_host_is_left_as_it_was_found(lab: Lab, keep: bool) -> None:
    (lab.home / "notes.txt").write_text("the user's own")
    before = _tree(lab.home)
    lab.set("ShmemQnxHostDriver", keep_images=keep)
    host = lab.ready()
    lab.start_guest(host).wait_console(programs.PATIENCE)
    assert "shmem-harness/guest0.pid" in _tree(lab.home)
    host.stop()
    left = _tree(lab.home).keys() - before.keys()
    assert left == ({"shmem-harness/probe.elf"} if keep else set())
    # No process of an SSH session, and no guest, is left either.
    running = programs.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in running.splitlines() if "qvm @" in line and str(lab.folder) in line]


def test_guests_end_when_the_harness_dies(lab: Lab) -> None:
    """The host itself ends what a killed harness has started."""
    host = lab.ready()
    guest = lab.start_guest(host)
    guest.wait_console(programs.PATIENCE)
    pid = int((lab.home / "shmem-harness/guest0.pid").read_text())
    host._connection._client.get_transport().sock.close()
    programs.run(["tail", f"--pid={pid}", "-f", "/dev/null"], check=True)
    with pytest.raises(BenchError, match="connection was lost while guest guest0 ran"):
        guest.wait_end(programs.PATIENCE)


def test_a_guest_of_a_run_that_could_not_end_it_is_ended_by_the_next(lab: Lab) -> None:
    host = lab.ready()
    folder = lab.home / "shmem-harness"
    # A qvm that nobody guards, as a host leaves it that lost its network.
    configuration = folder / "guest0.qvmconf"
    guest = lab.start_guest(host)
    guest.wait_console(programs.PATIENCE)
    text = configuration.read_text().replace("guest0", "guest9").replace("ptyp0", "ptyp1")
    stop_guests([guest], "power-cut", programs.PATIENCE)
    (folder / "guest9.qvmconf").write_text(text)
    stray = programs.Program([lab.folder / "bin/qvm", f"@{folder}/guest9.qvmconf"])
    (folder / "guest9.pid").write_text(f"{stray.pid}\n")
    while not host.path_exists("/dev/qvm/guest9"):
        assert stray.poll() is None
    host.stop()
    host.connect(10, lambda: None)
    host.start()
    assert stray.wait(programs.PATIENCE) == 3
    assert not host.path_exists("/dev/qvm/guest9")
    assert not (folder / "guest9.pid").exists()


def test_a_host_without_qvm_is_said_so_with_its_path(lab: Lab) -> None:
    strategy = lab.open()
    strategy.transition("shell")
    (lab.folder / "bin/qvm").rename(lab.folder / "bin/qvm.away")
    try:
        with pytest.raises(StrategyError) as error:
            strategy.transition("ready")
    finally:
        (lab.folder / "bin/qvm.away").rename(lab.folder / "bin/qvm")
    assert "has no 'qvm'" in str(error.value.__cause__)
    assert str(lab.folder / "bin") in str(error.value.__cause__)


@pytest.mark.parametrize("noted", ["", "qvm", "12 34"])
def test_a_note_of_an_earlier_run_that_is_no_process_id_is_not_given_to_kill(lab: Lab, noted: str) -> None:
    """By 0 and numbers below it, ``kill`` means more processes than one."""
    host = lab.ready()
    guest = lab.start_guest(host)
    guest.wait_console(programs.PATIENCE)
    (lab.home / "shmem-harness/guest0.pid").write_text(f"{noted}\n")
    nodes = posixpath.join(host._devices, "dev/qvm")
    with pytest.raises(BenchError, match=r"(?s)still runs, .*/dev/qvm/guest0, and .*/guest0\.pid has no process id"):
        end_leftovers(host._connection, host._files, nodes, lambda _: None)
    assert guest.exit_status() is None
    stop_guests([guest], "power-cut", programs.PATIENCE)
