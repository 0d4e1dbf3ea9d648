# SPDX-License-Identifier: Apache-2.0
"""Errors before a guest runs: qvm reports them and ends, and nothing is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import threading
import time
from asyncio.subprocess import DEVNULL
from pathlib import Path

import pytest
from qemu.qmp import QMPClient, QMPError

from harness import provision
from harness.emulator import qvm
from harness.emulator.device.regions import Region
from harness.emulator.machine.guest import Exit, Guest, Streams
from harness.emulator.machine.qemu import Qemu, QemuDied
from harness.emulator.machine.qtest import Qtest, QtestError
from harness.emulator.service import own_host
from harness.emulator.service.client import EmulatedHost
from harness.emulator.service.host import Host
from harness.errors import HarnessError
from harness.shmem.profile import FIELDS, PROFILES, Profile
from harness.shmem.registers import MAX_CLIENTS
from tests import programs
from tests.emulator.conftest import QVM_OF_A_PERSON, Bench, bench_with, configuration, image_that_powers_off

_FAKE_QEMU = Path(__file__).parent / "fake"
"""Holds a QEMU that looks good until it has to start a machine."""


def _run_on_fake_qemu(folder: Path, placement: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    path = folder / "guest.qvmconf"
    path.write_text(configuration(console=">-", devices=f"vdev shmem {placement}"))
    return programs.run([*QVM_OF_A_PERSON, f"@{path}"], env=environment, capture_output=True, text=True)


@pytest.fixture
def fake_qemu(monkeypatch: pytest.MonkeyPatch) -> None:
    """That one is the first on PATH."""
    monkeypatch.setenv("PATH", f"{_FAKE_QEMU}:{os.environ['PATH']}")


@pytest.mark.usefixtures("fake_qemu")
@pytest.mark.parametrize("placement", ["", "loc 0x1c050000 intr gic:43"])
def test_a_qemu_that_dies_at_its_start_gives_64_and_its_words(tmp_path: Path, placement: str) -> None:
    with EmulatedHost(log=tmp_path / "host.log") as host:
        result = _run_on_fake_qemu(tmp_path, placement, {**os.environ, "QVM_HOST": str(host.socket)})
        assert (result.returncode, "the moon is in the wrong phase" in result.stderr) == (64, True), result.stderr
        assert list((host.root / "dev/qvm").iterdir()) == []
    assert "Traceback" not in (tmp_path / "host.log").read_text()


@pytest.mark.usefixtures("fake_qemu")
def test_qvm_alone_tells_the_same(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "QVM_HOST"}
    result = _run_on_fake_qemu(tmp_path, "", {**environment, "XDG_RUNTIME_DIR": str(tmp_path)})
    assert (result.returncode, "the moon is in the wrong phase" in result.stderr) == (64, True), result.stderr


@pytest.mark.parametrize("error", [HarnessError("no compiler"), OSError(28, "disk full"), QMPError("out of step")])
def test_a_host_error_gives_64_and_its_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_arch: str) -> None:
        raise error

    async def start() -> object:
        host = Host(tmp_path, PROFILES["7.0"])
        path = tmp_path / "guest.qvmconf"
        path.write_text(configuration())
        return await host.start_guest([f"@{path}"], tmp_path, Streams(0, 1))

    monkeypatch.setattr(provision, "qemu", fail)
    result = asyncio.run(start())
    assert isinstance(result, Exit)
    assert (result.status, str(error) in result.message) == (64, True)
    assert list((tmp_path / "root/dev/qvm").iterdir()) == []
    assert list(tmp_path.glob("*.sock")) == []


def test_qvm_alone_gives_up_on_hosts_that_never_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host accepts the connection and ends."""
    folder = tmp_path / "shmem-host"
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(folder / "control"))
        listener.listen()
        threading.Thread(target=_take_and_end, args=(listener,), daemon=True).start()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        with pytest.raises(ConnectionError):
            own_host.connection(patience=0.0)


def _take_and_end(listener: socket.socket) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def test_a_long_name_works_and_one_that_no_file_can_have_is_rejected(bench: Bench) -> None:
    _, terminal = bench.guest(configuration(system="s" * 200), "s" * 200)
    assert terminal.probe.identify().architecture == "aarch64"
    process = bench.qvm(configuration(system="s" * 300, console="/dev/ptyp1"))
    assert "guest1.qvmconf:1] name of the system is too long" in process.communicate(timeout=programs.PATIENCE)[1]
    assert process.returncode == 65


def test_a_qvm_that_is_gone_before_its_guest_runs_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "orphan.qvmconf"
    path.write_text(configuration(console="/dev/ptyp5"))
    request = {"op": "start", "arguments": [f"@{path}"], "directory": str(tmp_path)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as qvm:
        qvm.connect(str(bench.host.socket))
        socket.send_fds(qvm, [json.dumps(request).encode() + b"\n"], [0, 1])
    # Another one has its name and its pseudo-terminal at once, and is the only one.
    process, terminal = bench.guest(configuration(console="/dev/ptyp5"))
    assert terminal.probe.identify().architecture == "aarch64"
    process.kill()
    bench.client.wait_end("one", programs.PATIENCE)
    assert not (bench.host.root / "dev/qvm/one").exists()


async def _made(name: str, host: Host, start: asyncio.Task[Guest | Exit]) -> Region:
    """The region of that name as soon as the host has it, which is before the end of the start."""
    deadline = time.monotonic() + programs.PATIENCE
    while (region := host.registry.find(name)) is None:
        assert not start.done(), f"the start has ended, and there is no region {name}"
        assert time.monotonic() < deadline, f"no region {name} in {programs.PATIENCE:g} s"
        # The region may be gone as soon as the loop has run a few times.
        await asyncio.sleep(0)
    return region


@pytest.mark.usefixtures("fake_qemu")
@pytest.mark.parametrize("lifetime", FIELDS["create_lifetime"].readings)
def test_a_start_that_fails_takes_back_the_regions_that_it_made(tmp_path: Path, lifetime: str) -> None:
    path = tmp_path / "guest.qvmconf"
    devices = "vdev shmem create kept,0x1000 create used,0x1000 create new,0x1000"

    async def start() -> None:
        host = Host(tmp_path, Profile.load("7.0", {"create_lifetime": lifetime}))
        host.registry.create("kept", 1, creator="one", lifetime="host-reboot")
        for text, status in ((devices, 64), (f"{devices} create big,0x200000000", 65)):
            path.write_text(configuration(devices=text))
            task = asyncio.create_task(host.start_guest([f"@{path}"], tmp_path, Streams(0, 1)))
            program = (await _made("used", host, task)).add("host", lambda: None)
            result = await task
            assert isinstance(result, Exit)
            assert result.status == status
            assert {region.name for region in host.registry} == {"kept", "used"}
        program.detach()

    asyncio.run(start())


@pytest.mark.usefixtures("fake_qemu")
def test_a_start_that_fails_keeps_no_region_of_the_vm_that_had_the_name_before(tmp_path: Path) -> None:
    """A program still has it when the start begins, and leaves it while the VM might still come to run."""
    path = tmp_path / "guest.qvmconf"
    path.write_text(configuration(devices="vdev shmem create new,0x1000"))

    async def start() -> None:
        host = Host(tmp_path, Profile.load("7.0"))
        old = host.registry.create("old", 1, creator="one", lifetime="creating-qvm")
        program = old.add("host", lambda: None)
        task = asyncio.create_task(host.start_guest([f"@{path}"], tmp_path, Streams(0, 1)))
        await _made("new", host, task)
        program.detach()
        assert host.registry.find("old") is old
        assert isinstance(await task, Exit)
        assert list(host.registry) == []

    asyncio.run(start())


def test_a_vm_may_have_the_name_of_another_one_behind_a_dot(bench: Bench) -> None:
    """What a VM reserves while it starts is nobody's entry below ``/dev/qvm``."""
    bench.guest(configuration(system=".one"), ".one")
    bench.guest(configuration(system="one", console="/dev/ptyp1"), "one")
    assert {path.name for path in (bench.host.root / "dev/qvm").iterdir()} == {".one", "one"}


def test_a_second_vm_of_the_same_name_takes_no_region_of_the_first(bench: Bench) -> None:
    text = configuration(devices="vdev shmem create mine,0x1000")
    bench.guest(text)
    assert bench.qvm(text).wait(programs.PATIENCE) == 65
    assert [region.name for region in bench.client.regions()] == ["mine"]


def test_a_guest_that_is_off_at_once_leaves_no_region(bench: Bench, tmp_path: Path) -> None:
    image = image_that_powers_off(tmp_path / "off.elf")
    process = bench.qvm(f"system off\nram 64M\nload {image}\nvdev shmem create gone,0x1000\n")
    assert (process.wait(programs.PATIENCE), bench.client.regions()) == (0, [])


def test_a_qemu_that_ends_as_soon_as_it_has_greeted_is_an_ending_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: object) -> None:
        raise AssertionError

    async def start() -> None:
        await Qemu.start(
            ["true"],
            environment={},
            folder=Path("/"),
            inherit=[],
            stdin=DEVNULL,
            stdout=DEVNULL,
            inherited=lambda _process: None,
        )

    monkeypatch.setattr(QMPClient, "connect", connect)
    with pytest.raises(QemuDied) as died:
        asyncio.run(start())
    assert died.value.ending.returncode == 0


def test_a_qemu_that_ends_before_its_devices_are_placed_has_said_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "guest.qvmconf"
    path.write_text(configuration(devices="vdev shmem loc 0x1c050000 intr gic:43"))
    greeted = QMPClient.connect

    async def connect(client: QMPClient, channel: socket.socket) -> None:
        await greeted(client, channel)
        (qemu,) = programs.children(os.getpid())
        os.kill(qemu, signal.SIGSEGV)
        while Path(f"/proc/{qemu}").exists():
            await asyncio.sleep(0.01)

    async def start() -> object:
        return await Host(tmp_path, PROFILES["7.0"]).start_guest([f"@{path}"], tmp_path, Streams(0, 1))

    monkeypatch.setattr(QMPClient, "connect", connect)
    assert asyncio.run(start()) == Exit(64, "the virtual machine did not start; QEMU says:\nQEMU did not answer")


def test_a_command_to_a_channel_that_is_closed_fails_at_once() -> None:
    async def ask() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            qtest = Qtest(ours)
            await qtest.open()
            qtest.close()
            await qtest.command("clock_step")

    with pytest.raises(QtestError, match="QEMU has ended"):
        asyncio.run(ask())


def test_what_a_create_has_made_stays_when_it_is_left_before_the_guest_runs(bench: Bench) -> None:
    """A program of the host may be there and gone again while the machine starts."""
    process = bench.qvm(configuration(devices="vdev shmem create early,8192"))
    programs.until(bench.client.regions, "no region of the create")
    bench.client.attach("early").detach()
    bench.client.wait_guest("one", programs.PATIENCE)
    assert [region.name for region in bench.client.regions()] == ["early"]
    assert process.poll() is None


@pytest.mark.parametrize(
    ("creates", "words"),
    [("create full,4096", "cannot hold the region"), ("create one,4096 create bad/name,4096", "cannot be created")],
)
def test_where_qvm_holds_what_it_creates_a_create_that_fails_leaves_nothing(
    tmp_path: Path, creates: str, words: str
) -> None:
    with bench_with(tmp_path, {"create_slot": "held"}) as bench:
        for _ in range(MAX_CLIENTS):
            bench.client.create("full", 1)
        process = bench.qvm(configuration(devices=f"vdev shmem {creates}"))
        _, said = process.communicate(timeout=programs.PATIENCE)
        assert (process.returncode, words in said) == (65, True), said
        assert [region.name for region in bench.client.regions()] == ["full"]


def test_a_named_pipe_is_no_image(bench: Bench, tmp_path: Path) -> None:
    """It would be opened, which waits for a writer, and all guests with it."""
    os.mkfifo(tmp_path / "pipe")
    process = bench.qvm(f"system one\nram 64M\nload {tmp_path / 'pipe'}\n")
    assert (process.wait(programs.PATIENCE), ":3] the file to load is no regular file" in process.communicate()[1]) == (
        65,
        True,
    )
    assert bench.client.guests() == []


def _refusal(bench: Bench, folder: Path, script: str) -> str:
    """What a qvm that a shell starts in this folder says when it is refused."""
    said = programs.run(
        ["bash", "-c", script, "bash", *qvm.command()],
        cwd=folder,
        env={**os.environ, "QVM_HOST": str(bench.host.socket)},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 65, said
    return said.stderr


@pytest.mark.parametrize(
    "script",
    [
        '"$@" @<(echo system one)',
        '"$@" @/dev/stdin <<<"system one"',
        'echo @/dev/fd/0 >nested; "$@" @nested',
        'ln -s /proc/self/fd/0 link; "$@" @link',
    ],
)
def test_no_descriptor_of_the_host_is_read_for_a_configuration(bench: Bench, tmp_path: Path, script: str) -> None:
    said = _refusal(bench, tmp_path, script)
    assert "stream of another process" in said or "not a regular file" in said, said


def test_no_memory_of_the_host_is_read_for_a_configuration(bench: Bench, tmp_path: Path) -> None:
    """A region is a regular file, of which pieces would come in an error."""
    bench.client.create("secret", 1).write(0, b"secret secret")
    fds = Path(f"/proc/{bench.host.pid}/fd")
    (number,) = (fd.name for fd in fds.iterdir() if "shmem-region" in str(fd.readlink()))
    (tmp_path / "link").symlink_to(f"/proc/self/fd/{number}")
    for name in ("link", f"/proc/{bench.host.pid}/fd/{number}"):
        said = _refusal(bench, tmp_path, f'"$@" @{name}')
        assert ("cannot read" in said, "secret" in said) == (True, False), said


def test_files_that_files_name_are_looked_for_where_qvm_is(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "outer").write_text("@inner")
    (tmp_path / "inner").write_text("system one\nram 64M\nload nowhere")
    assert f"{tmp_path}/inner:3]" in _refusal(bench, tmp_path, '"$@" @outer')
