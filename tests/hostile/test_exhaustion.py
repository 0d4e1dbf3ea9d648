# SPDX-License-Identifier: Apache-2.0
"""A guest that takes all it can get: bounded, reported to the operator, and harmless to the others."""

from __future__ import annotations

import asyncio
import cProfile
import os
import pstats
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import provision
from harness.emulator import shortages
from harness.emulator.device import pci_config
from harness.emulator.device.pattern import Pattern
from harness.emulator.device.pci_config import ConfigSpace
from harness.emulator.device.regions import Registry, RequestFailed
from harness.emulator.machine import plan
from harness.emulator.machine.board import board_of
from harness.emulator.machine.guest import Exit, Streams
from harness.emulator.machine.lines import GicLine, IoApicLine
from harness.emulator.machine.memory_mapped import take_off_the_bus
from harness.emulator.machine.qtest import Qtest
from harness.emulator.service.client import EmulatedHost
from harness.emulator.service.host import Host
from harness.errors import BenchError
from harness.shmem.config import parse
from harness.shmem.profile import PROFILES, Profile
from harness.shmem.status import Status
from tests import programs
from tests.emulator.conftest import Bench, configuration
from tests.hostile.fuzzing import descriptors

FEW = 120
"""Descriptors that a process of a test may have beside its own."""


@contextmanager
def few_descriptors(process: int, few: int = FEW) -> Iterator[None]:
    """A limit that a test reaches soon."""
    before = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (descriptors(process) + few, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("lifetime", ["creating-qvm", "host-reboot"])
def test_regions_without_end_leave_room_for_the_others(tmp_path: Path, lifetime: str) -> None:
    """Regions that outlast their clients: one guest makes one after the other, and never comes to an end."""
    with EmulatedHost(log=tmp_path / "log", overrides={"region_lifetime": lifetime}) as host:
        bench = Bench(host, tmp_path)
        _, hostile = bench.guest(configuration(), "one")
        _, honest = bench.guest(configuration(system="two", console="/dev/ptyp1"), "two")
        with few_descriptors(host.pid):
            refused = 0
            for number in range(2 * FEW):
                made = hostile.probe.attach(f"mine{number}", 1)
                refused += made.status == Status.NOMEM
                if made.status == Status.OK:
                    hostile.probe.detach()
                if refused == 3:
                    break
            assert refused == 3, "nothing has stopped it"
            kept = len(bench.client.regions())
            assert FEW // 6 < kept < FEW
            # The others have what they need: a region, and a new connection to the host.
            assert honest.probe.attach("honest", 1).status == Status.OK
            with host.client() as another:
                assert len(another.regions()) == kept + 1
        told = bench.client.shortages()
        assert any("one has" in line and "share" in line for line in told), told
        bench.close()


def test_one_vm_cannot_have_all_memory() -> None:
    """Many regions of the largest size: the memory of the machine is never promised to one VM."""
    registry = Registry(PROFILES["7.0"])
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4096
    size = pages // 10
    try:
        for number in range(5):
            registry.create(f"r{number}", size, creator="greedy", lifetime="host-reboot")
        with pytest.raises(RequestFailed) as refused:
            registry.create("too much", size, creator="greedy", lifetime="host-reboot")
        assert refused.value.status == Status.NOMEM
        registry.create("other", size, creator="modest", lifetime="host-reboot")
        assert any("greedy has 5 regions" in line for line in shortages.noted())
    finally:
        registry.close()


def test_stale_content_is_kept_for_so_many_names_only() -> None:
    profile = Profile.load("7.0", {"new_content": "stale"})
    registry = Registry(profile)
    before = descriptors()
    with few_descriptors(os.getpid()):
        for number in range(3 * FEW):
            region = registry.create(f"name{number}", 1, creator="one", lifetime="last-client")
            region.add("one", lambda: None).detach()
        assert descriptors() < before + FEW
    registry.close()
    assert descriptors() == before


def test_stale_content_takes_a_part_of_the_memory_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Regions that are filled, left and made again under other names; and the latest content is the one that stays."""
    real = os.sysconf
    monkeypatch.setattr(os, "sysconf", lambda name: 400 if name == "SC_PHYS_PAGES" else real(name))
    registry = Registry(Profile.load("7.0", {"new_content": "stale"}))

    def left(name: str, said: bytes) -> bytes:
        region = registry.create(name, 40, creator="one", lifetime="last-client")
        found = os.pread(region.fd, 4, 0)
        os.pwrite(region.fd, said * 40 * 1024, 0)
        region.add("one", lambda: None).detach()
        return found

    before = descriptors()
    for number in range(20):
        assert left(f"name{number}", b"left") == bytes(4)
        assert descriptors() <= before + 2
    assert left("name19", b"left") == b"left"
    assert left("name0", b"left") == bytes(4)
    registry.close()


def test_stars_side_by_side_are_no_more_work_than_one() -> None:
    """A guest chooses the names that are compared; steps are counted, not seconds."""

    def steps(stars: int) -> int:
        pattern = Pattern("*" * stars + "x*" * 2 + "*" * stars, PROFILES["7.0"])
        profile = cProfile.Profile()
        assert profile.runcall(pattern.covers, "abxcxd")
        return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]

    assert steps(400) < 2 * steps(1)


def test_notes_are_bounded_and_say_how_many_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortages, "_noted", [])
    monkeypatch.setattr(shortages, "_passed_over", 0)
    for number in range(100_000):
        shortages.note_share(f"guest {number}")
    told = shortages.noted()
    assert len(told) < 300
    assert "guest 0" in told[0]
    assert told[-1] == f"and {100_000 - (len(told) - 1)} more"


@pytest.mark.parametrize("kind", ["gic", "ioapic"])
def test_signals_without_end_to_a_qemu_that_takes_none(kind: str) -> None:
    """What is sent is bounded; when it goes on, one more interrupt than it has seen comes after the last signal."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        qtest = Qtest(ours)
        await qtest.open()
        line = GicLine(qtest, 43) if kind == "gic" else IoApicLine(qtest, "/machine/ioapic", 5, level=False)
        for _ in range(100_000):
            line.pulse()
        loop = asyncio.get_running_loop()
        taken = 0
        until = ""
        async with asyncio.timeout(60):
            while not until.endswith("\n") or taken < 257:
                until = (await loop.sock_recv(theirs, 1 << 16)).decode()
                answers = until.count("\n")
                taken += answers
                await loop.sock_sendall(theirs, b"OK\n" * answers)
        assert taken < 300
        # And each pulse after that is one again.
        line.pulse()
        async with asyncio.timeout(60):
            assert (await loop.sock_recv(theirs, 1 << 16)).endswith(b"\n")
        qtest.close()
        theirs.close()

    asyncio.run(run())


def test_stores_without_end_to_the_empty_slot_of_a_device_in_memory() -> None:
    """What is sent to make up for them is bounded, and the last one is made up for, too."""
    config = parse(configuration(devices="vdev shmem loc 0x1c050000 intr gic:43"))
    (placement,) = plan(config, Path("/"), PROFILES["7.0"]).placements

    async def run() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        qtest, function = Qtest(ours), ConfigSpace(msi=True)
        await qtest.open()
        take_off_the_bus(qtest, board_of("aarch64", "q35"), placement, function)
        for _ in range(20_000):
            function.write(pci_config.BAR0, b"\xff" * 4)
        loop = asyncio.get_running_loop()
        taken = 0
        async with asyncio.timeout(60):
            while taken < 257:
                answers = (await loop.sock_recv(theirs, 1 << 16)).count(b"\n")
                taken += answers
                await loop.sock_sendall(theirs, b"OK\n" * answers)
        assert taken < 300
        qtest.close()
        theirs.close()

    asyncio.run(run())


def test_a_storm_of_attachments_leaves_everything_as_it_was(bench: Bench) -> None:
    """Of a real guest, while another one works: the host and QEMU hold what they held before."""
    _, hostile = bench.guest(configuration(), "one")
    _, honest = bench.guest(configuration(system="two", console="/dev/ptyp1"), "two")
    honest.probe.attach("work", 1)
    qemu = bench.client.guests()[0].pid
    assert qemu is not None

    def held() -> tuple[int, int, int, int]:
        maps = [len(Path(f"/proc/{process}/maps").read_text().splitlines()) for process in (bench.host.pid, qemu)]
        return descriptors(bench.host.pid), descriptors(qemu), maps[0], maps[1]

    def storm(rounds: int) -> None:
        for number in range(rounds):
            assert hostile.probe.attach(f"storm{number % 7}", 1 + number % 3).status == Status.OK
            hostile.probe.detach()

    storm(10)
    before = held()
    storm(150)
    after = held()
    assert after[:2] == before[:2]
    assert after[2] <= before[2] + 8
    assert after[3] <= before[3] + 8
    assert honest.probe.status().members == 1
    assert [region.name for region in bench.client.regions()] == ["work"]


@pytest.mark.parametrize("seconds", [1.0, pytest.param(12.0, marks=pytest.mark.long)])
def test_a_guest_whose_qemu_is_suspended_stops_nobody(bench: Bench, seconds: float) -> None:
    """A neighbour signals it without an end meanwhile; afterwards it goes on, and knows of the signal."""
    _, still = bench.guest(configuration(), "one")
    _, honest = bench.guest(configuration(system="two", console="/dev/ptyp1"), "two")
    index = still.probe.attach("r", 1).index
    assert index is not None
    honest.probe.attach("r", 1)
    still.probe.status()
    pid = next(guest.pid for guest in bench.client.guests() if guest.system == "one")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        began, turns = time.monotonic(), 0
        while time.monotonic() - began < seconds or turns == 0:
            honest.probe.notify(1 << index)
            honest.probe.fill(0, 4096, turns)
            assert honest.probe.verify(0, 4096, turns).mismatches == 0
            turns += 1
        assert {guest.system for guest in bench.client.guests()} == {"one", "two"}
    finally:
        os.kill(pid, signal.SIGCONT)
    assert still.probe.status().pending == 1 << honest.probe.status().index
    assert still.probe.identify().architecture == "aarch64"


def test_a_host_that_was_suspended_goes_on(bench: Bench) -> None:
    """For less time than QEMU waits for its device."""
    _, guest = bench.guest(configuration(), "one")
    guest.probe.attach("r", 1)
    os.kill(bench.host.pid, signal.SIGSTOP)
    time.sleep(1.0)
    os.kill(bench.host.pid, signal.SIGCONT)
    assert guest.probe.status().members == 1
    assert bench.client.regions()[0].name == "r"


def test_a_qvm_that_was_suspended_hears_of_the_end(bench: Bench) -> None:
    process, _ = bench.guest(configuration(), "one")
    os.kill(process.pid, signal.SIGSTOP)
    bench.client.stop_guest("one", "power-cut")
    bench.client.wait_end("one", 60)
    with pytest.raises(BenchError):
        bench.client.stop_guest("one", "power-cut")
    os.kill(process.pid, signal.SIGCONT)
    programs.until(lambda: process.poll() is not None, "qvm waits for ever", 60)
    assert process.returncode == 3


@pytest.mark.parametrize("left", range(2, 15))
def test_a_start_that_fails_for_lack_of_descriptors_leaves_none_open(tmp_path: Path, left: int) -> None:
    """Wherever it fails: the shortage would become a lasting one."""
    path = tmp_path / "guest.qvmconf"
    path.write_text(configuration(devices="vdev shmem\nvdev shmem"))

    async def start(host: Host) -> object:
        return await host.start_guest([f"@{path}"], tmp_path, Streams(0, 1))

    async def run() -> None:
        host = Host(tmp_path, PROFILES["7.0"], terminals=1)
        await asyncio.to_thread(provision.qemu, "aarch64")
        before = descriptors()
        with few_descriptors(os.getpid(), left):
            refused = await start(host)
        assert isinstance(refused, Exit), refused
        assert descriptors() == before
        assert list((tmp_path / "root/dev/qvm").iterdir()) == []
        await host.close()

    asyncio.run(run())
