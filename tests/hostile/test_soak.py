# SPDX-License-Identifier: Apache-2.0
"""Attach cycles by the hundred thousand, and what a day of nightly runs does: everything stays as it was.

A nightly run makes some 1,100 attachments a bench: 100 cycles of SHM-LIFE-06 in two placements for each of two
architectures are 400, and the other suites make about 700. It takes less than five minutes, so that a day has room for
288 of them: 317,000 cycles. They are made here without the starts of guests that stand between them.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.emulator import shortages
from harness.shmem.profile import PROFILES
from harness.shmem.status import Status
from tests.emulator.conftest import Bench, configuration
from tests.emulator.devices import bench as devices
from tests.hostile.fuzzing import descriptors

DAY = 317_000
PARTS = 10
"""The cycles are looked at in so many parts: the first is left out, as caches fill in it."""
GROWTH = 1.05
"""Resident memory may grow by so much from the second part to the last, and by half a megabyte."""
SLACK = 512 << 10


@dataclass(frozen=True)
class Held:
    """What a process has, and how long a cycle took."""

    memory: int
    descriptors: int
    mappings: int
    seconds: float


def _held(process: int | str, seconds: float) -> Held:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    mappings = len(Path(f"/proc/{process}/maps").read_text().splitlines())
    return Held(pages * os.sysconf("SC_PAGE_SIZE"), descriptors(process), mappings, seconds)


def _flat(name: str, cycle: Callable[[int], None], cycles: int, *processes: int | str) -> None:
    """Make the cycles, and see that nothing grows. A cycle's time is the processor's for this process's own."""
    looks: dict[int | str, list[Held]] = {process: [] for process in processes}
    number = 0
    for _ in range(PARTS):
        times = []
        for _ in range(cycles // PARTS):
            began = time.monotonic()
            cycle(number)
            times.append(time.monotonic() - began)
            number += 1
        gc.collect()
        for process in processes:
            looks[process].append(_held(process, statistics.median(times)))
    for process, seen in looks.items():
        first, last = seen[1], seen[-1]
        print(f"{name}, process {process}, {number} cycles: {first} ... {last}")
        assert last.memory <= first.memory * GROWTH + SLACK
        assert last.descriptors == first.descriptors
        assert last.mappings <= first.mappings + 8
        # The machine may be busier now than then: the fastest part of each half, and room for that.
        early, late = (min(look.seconds for look in part) for part in (seen[1 : PARTS // 2], seen[PARTS // 2 :]))
        assert late < 3 * early, "cycles have become slower"


@pytest.mark.parametrize(
    "cycles",
    [
        pytest.param(2_000, id="sample"),
        pytest.param(100_000, id="many", marks=pytest.mark.long),
        pytest.param(DAY, id="day", marks=pytest.mark.soak),
    ],
)
def test_attach_cycles_of_a_device_leave_nothing(cycles: int) -> None:
    """All that the host does for a guest's cycle, with a neighbour that stays; QEMU alone is missing."""
    with devices(PROFILES["7.0"]) as host:
        guest, neighbour = host.device(system="one"), host.device(system="two")
        mapper = host.machines["one"].mapper
        assert neighbour.request("stays", 1) == Status.OK
        noted = len(shortages.noted())

        def cycle(number: int) -> None:
            for name, pages in (("stays", 1), (f"own{number % 1000}", 1 + number % 16)):
                assert guest.request(name, pages) == Status.OK
                guest.notify(0xFFFFFFFF)
                guest.set_data(b"soak")
                guest.detach()
            # A note of what was mapped is the test's own.
            mapper.changes.clear()
            mapper.seen.clear()

        _flat("device", cycle, cycles, "self")
        assert host.regions() == ["stays"]
        assert len(shortages.noted()) == noted
        assert neighbour.members == 1


@pytest.mark.parametrize(
    "cycles", [pytest.param(2_000, marks=pytest.mark.long, id="some"), pytest.param(DAY // 10, marks=pytest.mark.soak)]
)
def test_attach_cycles_of_real_guests_leave_nothing(bench: Bench, cycles: int) -> None:
    """With QEMU and the probe: a tenth of a day, as each cycle takes some milliseconds of a real machine."""
    _, guest = bench.guest(configuration(), "one")
    _, neighbour = bench.guest(configuration(system="two", console="/dev/ptyp1"), "two")
    neighbour.probe.attach("stays", 1)
    qemu = bench.client.guests()[0].pid
    assert qemu is not None

    def cycle(number: int) -> None:
        made = guest.probe.attach("stays" if number % 2 else f"own{number % 1000}", 1 + number % 16)
        assert made.status == Status.OK
        guest.probe.detach()

    _flat("guests", cycle, cycles, bench.host.pid, qemu)
    assert [region.name for region in bench.client.regions()] == ["stays"]
    assert bench.client.shortages() == []


@pytest.mark.parametrize(
    "cycles", [pytest.param(100, id="sample"), pytest.param(100_000, id="many", marks=pytest.mark.long)]
)
def test_sessions_of_host_programs_leave_nothing(bench: Bench, cycles: int) -> None:
    """Programs come, attach, are signalled and go, in order or not."""
    stays = bench.client.create("stays", 1)

    def cycle(number: int) -> None:
        with bench.host.client() as program:
            connection = program.attach("stays")
            stays.notify(1 << connection.index)
            assert connection.status() & 0xFFFF == 1
            if number % 2:
                connection.detach()

    _flat("host programs", cycle, cycles, bench.host.pid)
    assert bench.client.shortages() == []
