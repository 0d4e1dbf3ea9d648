# SPDX-License-Identifier: Apache-2.0
"""``qvm`` as a person uses it: exit statuses, messages, and what is left when it has ended."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest

from harness.arch import ARCHES, Arch
from harness.emulator.service import own_host
from tests import programs
from tests.emulator.conftest import QVM_OF_A_PERSON, Bench, configuration, image_that_powers_off


def _wait_gone(pids: list[int], seconds: float = programs.PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, f"still running: {left}"
        os.sched_yield()


@pytest.mark.parametrize("arch", ARCHES)
def test_a_guest_that_powers_off_ends_qvm_with_0(bench: Bench, arch: Arch) -> None:
    process, terminal = bench.guest(configuration(arch))
    assert terminal.probe.identify().architecture == arch
    terminal.probe.power_off()
    assert process.wait(programs.PATIENCE) == 0


def test_a_guest_that_is_off_before_the_host_has_looked_ends_qvm_with_0(bench: Bench, tmp_path: Path) -> None:
    image = image_that_powers_off(tmp_path / "off.elf")
    for number in range(3):
        process = bench.qvm(f"system off{number}\nram 64M\nload {image}\nvdev shmem\n")
        assert (process.wait(programs.PATIENCE), process.communicate()[1]) == (0, "")


def test_a_reboot_ends_qvm_with_0(bench: Bench) -> None:
    process, terminal = bench.guest(configuration())
    terminal.write(b"reboot\r")
    assert process.wait(programs.PATIENCE) == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGQUIT, 3)])
def test_signals_are_power_button_and_power_cut(bench: Bench, number: signal.Signals, status: int) -> None:
    process, _ = bench.guest(configuration("aarch64"))
    process.send_signal(number)
    assert process.wait(programs.PATIENCE) == status


def test_an_x86_guest_that_ignores_the_power_button_ends_at_the_second_press(bench: Bench) -> None:
    process, terminal = bench.guest(configuration("x86_64"))
    process.send_signal(signal.SIGTERM)
    # Two signals of a kind that are pending at once are one.
    programs.until(lambda: not _pending(process.pid, signal.SIGTERM), "qvm does not take the first SIGTERM")
    assert terminal.probe.identify().architecture == "x86_64"
    process.send_signal(signal.SIGTERM)
    assert process.wait(programs.PATIENCE) == 0


def _pending(pid: int, number: signal.Signals) -> bool:
    """Whether the process has not taken a signal yet that was sent to it."""
    (shared,) = re.findall(r"^ShdPnd:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(shared, 16) >> (number - 1) & 1)


def test_the_vm_has_a_node_exactly_while_it_lives(bench: Bench) -> None:
    node = bench.host.root / "dev/qvm/one"
    assert not node.exists()
    process, terminal = bench.guest(configuration(devices="vdev shmem name talk"))
    assert (node / "talk").exists()
    terminal.probe.power_off()
    process.wait(programs.PATIENCE)
    assert not node.exists()


def test_sigusr1_makes_every_device_report_its_state(bench: Bench) -> None:
    devices = "vdev shmem name talk\nvdev shmem loc 0x1c050000 intr gic:43"
    process, terminal = bench.guest(configuration(devices=devices))
    terminal.probe.attach("rumour", 3)
    process.send_signal(signal.SIGUSR1)
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(3)]
    assert lines[0] == "system one: running\n"
    assert "vdev shmem talk at pci 00:08.0, vector 35: 'rumour' as index 0, 3 pages" in lines[1]
    assert "vdev shmem at loc 0x1c050000, vector 43: no connection" in lines[2]


def test_a_name_of_a_region_writes_no_control_characters_to_the_terminal(bench: Bench) -> None:
    process, terminal = bench.guest(configuration())
    terminal.probe.attach(b"\x9b31m", 1)
    terminal.probe.attach("caf\u00e9".encode(), 1)
    process.send_signal(signal.SIGUSR1)
    assert process.stderr is not None
    process.stderr.readline()
    line = process.stderr.readline()
    assert ("\u009b" in line, "'\\x9b31m' as" in line, "'caf\u00e9' as" in line) == (False, True, True), line


def test_sigusr2_is_answered_that_there_are_no_dumps_and_the_guest_goes_on(bench: Bench) -> None:
    process, terminal = bench.guest(configuration(devices="vdev shmem sched 20"))
    process.send_signal(signal.SIGUSR2)
    assert process.stderr is not None
    assert re.fullmatch(r"\[\S+:5\] sched: the emulated host does not prioritise pulses\n", process.stderr.readline())
    assert process.stderr.readline() == "qvm: the emulated host writes no guest dumps\n"
    assert terminal.probe.identify().architecture == "aarch64"


def test_qemu_that_dies_gives_96_and_its_peer_sees_it_leave(bench: Bench) -> None:
    process, one = bench.guest(configuration())
    _, two = bench.guest(configuration(system="two", console="/dev/ptyp1"), "two")
    one.probe.attach("talk", 1)
    assert two.probe.attach("talk", 1).index == 1
    host = bench.host.pid
    qemu = min(programs.children(host))
    os.kill(qemu, signal.SIGKILL)
    assert process.wait(programs.PATIENCE) == 96
    assert "QEMU ended" in process.communicate()[1]
    assert two.probe.status().members == 0b10


def test_qvm_killed_is_a_power_cut(bench: Bench) -> None:
    process, one = bench.guest(configuration())
    one.probe.attach("talk", 1)
    process.kill()
    _wait_gone(programs.children(bench.host.pid))
    bench.client.wait_end("one", programs.PATIENCE)
    assert bench.client.regions() == []


def test_a_guest_can_be_started_at_once_where_its_qvm_was_killed(bench: Bench) -> None:
    for _ in range(8):
        process, one = bench.guest(configuration())
        assert one.probe.attach("talk", 1).index == 0
        process.kill()
        process.wait(programs.PATIENCE)


def test_guests_and_files_go_with_a_host_that_is_killed(bench: Bench) -> None:
    bench.guest(configuration())
    host = bench.host.pid
    machines = programs.children(host)
    assert machines
    os.kill(host, signal.SIGKILL)
    _wait_gone(machines)
    bench.host.stop()
    assert not bench.host.run_directory.exists()


def test_qvm_alone_starts_a_host_that_goes_with_the_last_guest(tmp_path: Path) -> None:
    path = tmp_path / "guest.qvmconf"
    path.write_text(configuration(console=">-"))
    environment = {key: value for key, value in os.environ.items() if key != "QVM_HOST"}
    with programs.Program(
        [*QVM_OF_A_PERSON, f"@{path.name}"],
        cwd=tmp_path,
        env={**environment, "XDG_RUNTIME_DIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"@H:" in process.stdout.readline()
        process.stdin.write(b"poweroff\r")
        process.stdin.flush()
        assert process.wait(programs.PATIENCE) == 0
    deadline = time.monotonic() + 10
    while (tmp_path / "shmem-host").exists():
        assert time.monotonic() < deadline, "the host is still there"
        os.sched_yield()


def test_qvm_alone_uses_no_folder_that_others_can_reach(tmp_path: Path) -> None:
    """Somebody else may have made it, and listen there."""
    folder = tmp_path / "shmem-host"
    folder.mkdir()
    folder.chmod(0o777)
    environment = {key: value for key, value in os.environ.items() if key != "QVM_HOST"}
    result = programs.run(
        [*QVM_OF_A_PERSON, "@x"],
        env={**environment, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 64
    assert f"{folder} does not belong to you, or other users can access it" in result.stderr
    assert list(folder.iterdir()) == []


def test_qvm_alone_again_and_again_while_its_host_is_ending(tmp_path: Path) -> None:
    """Each start may meet the host of the one before in any state of its end."""
    (tmp_path / "guest.qvmconf").write_text("system one\nram 64M\nload nowhere\n")
    environment = {key: value for key, value in os.environ.items() if key != "QVM_HOST"}
    command = [*QVM_OF_A_PERSON, "@guest.qvmconf"]
    for _ in range(8):
        result = programs.run(
            command,
            cwd=tmp_path,
            env={**environment, "XDG_RUNTIME_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert (result.returncode, "nowhere" in result.stderr) == (65, True), result.stderr


def test_a_host_is_kept_for_a_qvm_that_is_about_to_start_its_guest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may end meanwhile."""
    monkeypatch.delenv("QVM_HOST", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with own_host.connection() as waiting, waiting.makefile("rb") as stream:
        assert programs.run([*QVM_OF_A_PERSON, "system"], capture_output=True).returncode == 65
        waiting.sendall(b'{"op": "guests"}\n')
        assert json.loads(stream.readline()) == {"ok": True, "guests": []}
    programs.until(lambda: not (tmp_path / "shmem-host").exists(), "the host is still there", programs.PATIENCE)


def test_a_host_does_not_keep_the_standard_error_of_the_qvm_that_has_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QVM_HOST", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with own_host.connection() as connection:
        host, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        assert Path(f"/proc/{host}/fd/2").readlink() == tmp_path / "shmem-host" / "log"
    programs.until(lambda: not (tmp_path / "shmem-host").exists(), "the host is still there")


def test_a_host_that_cannot_start_is_started_once(tmp_path: Path) -> None:
    folder = tmp_path / "shmem-host"
    folder.mkdir(mode=0o700)
    (folder / "letter").write_text("dear")
    environment = {key: value for key, value in os.environ.items() if key != "QVM_HOST"}
    done = programs.run(
        [*QVM_OF_A_PERSON, "@x"], env={**environment, "XDG_RUNTIME_DIR": str(tmp_path)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.count("is not empty")) == (64, 1), done.stderr
    assert "qvm: no host: the emulated host ended with status 2" in done.stderr


BAD = [
    ("vdev shmem allov x", 5, "allov"),
    ("vdev shmem create big,0x200000000", 5, "larger"),
    ("vdev shmem loc 0x1c050000", 5, "intr"),
    ("vdev shmem loc 0x40000000 intr gic:43", 5, "0x40000000"),
    ("vdev shmem loc 0x9000000 intr gic:43", 5, "0x9000000"),
    ("vdev shmem loc 0x1c050000 intr gic:33", 5, "gic:33"),
    ("vdev shmem loc 0x1c050000 intr gic:5000", 5, "gic:5000"),
    ("vdev shmem loc 0x1c050000 intr pic:43", 5, "pic"),
    ("vdev shmem loc 0x1c050000 intr gic:43\nvdev shmem loc 0x1c050000 intr gic:44", 6, "0x1c050000"),
    ("vdev shmem loc 0x1c050000 intr gic:43\nvdev shmem loc 0x1c051000 intr gic:43", 6, "gic:43"),
    ("load /dev/null", 5, "load"),
    ("vdev virtio-blk hostdev /dev/hd0", 5, "virtio-blk"),
    ("pass loc 0x1000", 5, "pass"),
    ("rom 0x1000,0x1000", 5, "RAM"),
    ("vdev shmem hostdev /dev/x", 5, "hostdev"),
    ("vdev shmem name a\nvdev shmem name a", 6, "a"),
]


@pytest.mark.parametrize(("devices", "line", "word"), BAD)
def test_a_wrong_configuration_gives_65_file_line_and_reason(bench: Bench, devices: str, line: int, word: str) -> None:
    process = bench.qvm(configuration(devices=devices))
    _, words = process.communicate(timeout=programs.PATIENCE)
    assert process.returncode == 65, words
    assert re.search(rf"\[\S+/guest0\.qvmconf:{line}\] .*{re.escape(word)}", words), words
    assert bench.client.guests() == []
    assert bench.client.regions() == []


def test_a_name_or_a_terminal_in_use_is_refused_and_the_first_guest_goes_on(bench: Bench) -> None:
    _, terminal = bench.guest(configuration())
    same_name = bench.qvm(configuration(console="/dev/ptyp1"))
    assert "running already" in same_name.communicate(timeout=programs.PATIENCE)[1]
    same_terminal = bench.qvm(configuration(system="two"))
    assert "in use" in same_terminal.communicate(timeout=programs.PATIENCE)[1]
    assert (same_name.returncode, same_terminal.returncode) == (65, 65)
    assert (bench.host.root / "dev/qvm/one").exists()
    assert terminal.probe.identify().architecture == "aarch64"


def test_a_missing_image_is_named(bench: Bench) -> None:
    process = bench.qvm("system one\nram 64M\nload nowhere.elf\n")
    _, words = process.communicate(timeout=programs.PATIENCE)
    assert process.returncode == 65
    assert "nowhere.elf" in words
    assert ":3]" in words


def test_a_cut_that_waited_with_the_button_is_a_cut(bench: Bench) -> None:
    """The signals of a qvm that was suspended come in the order of their numbers."""
    process, _ = bench.guest(configuration())
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGQUIT, signal.SIGCONT):
        process.send_signal(number)
    assert process.wait(programs.PATIENCE) == 3
