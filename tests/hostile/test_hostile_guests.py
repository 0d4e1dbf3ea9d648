# SPDX-License-Identifier: Apache-2.0
"""Hostile guests of each placement and architecture at once, beside three pairs that work.

What a guest costs that only keeps its processor busy is no harm of the device's: so the pairs' speed beside hostile
guests is compared with their speed beside the same guests while those scan memory of their own, in turns.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from harness.arch import Arch
from harness.guest.probe import Probe
from harness.shmem.registers import PAGE_SIZE
from harness.shmem.status import Status
from tests.emulator.conftest import Bench, configuration
from tests.probe.pair import PC_ADDRESSES, PC_LINES

SECONDS: Final = "HOSTILE_SECONDS"
"""Environment variable: how long the nightly run takes."""
SLICE: Final = 2.0
PAGES: Final = 4
SECRET: Final = 0x5EC2_E75E_C2E7_A11E
PLACES: Final[dict[str, tuple[Arch, str]]] = {
    "arm-pci": ("aarch64", "vdev shmem"),
    "arm-mmio": ("aarch64", "vdev shmem loc 0x1c050000 intr gic:43"),
    "pc-pci": ("x86_64", "vdev shmem"),
    "pc-mmio": ("x86_64", f"vdev shmem loc {PC_ADDRESSES[0]:#x} intr myioapic:{PC_LINES[0]}"),
}
OWN_MEMORY: Final[dict[Arch, int]] = {"aarch64": 0x4200_0000, "x86_64": 0x0200_0000}


@dataclass
class Work:
    """Two guests that share a region, and how often each has checked the other."""

    left: Probe
    right: Probe
    turns: int = 0

    def prepare(self, name: str) -> None:
        for guest in (self.left, self.right):
            assert guest.attach(name, PAGES).status == Status.OK
        self.left.stamp(0, PAGE_SIZE, 8, SECRET)

    def turn(self) -> None:
        """Each writes a page of its own, and reads the other's; the first page never changes."""
        seed, size = self.turns, PAGE_SIZE
        self.left.fill(size, size, seed)
        self.right.fill(2 * size, size, seed + 1)
        assert self.right.verify(size, size, seed).mismatches == 0
        assert self.left.verify(2 * size, size, seed + 1).mismatches == 0
        self.left.notify(1 << 1)
        assert self.right.status().pending == 1
        self.turns += 1

    def work(self, until: float) -> int:
        before = self.turns
        while time.monotonic() < until:
            self.turn()
        return self.turns - before


class Hostile:
    """A guest that may use no region whose name begins with ``secret``."""

    def __init__(self, probe: Probe, arch: Arch) -> None:
        self.probe, self.arch = probe, arch
        self.hits = self.accesses = 0
        self._seeds = itertools.count(4711)

    def rampage(self, until: float) -> None:
        """Everything at random, in every width, and requests for what it may not have."""
        (device, *_) = self.probe.find()
        address, length = (device.pci.bars[-1].address, device.pci.bars[-1].size) if device.pci else (0, 0)
        while time.monotonic() < until:
            assert self.probe.attach("secret0", PAGES).status != Status.OK
            mine = self.probe.attach("public", PAGES)
            if not length:
                # A memory-mapped device has its window where the register says.
                address, length = mine.shmem, (PAGES + 1) * PAGE_SIZE
            wild = self.probe.rampage(SLICE / 4, next(self._seeds), SECRET, address, length)
            self.hits += wild.hits
            self.accesses += wild.reads + wild.writes
            for handle in self.probe.handles():
                self.probe.forget(handle.handle)

    def scan(self, until: float) -> None:
        """As busy, and harmless."""
        while time.monotonic() < until:
            self.probe.scan_physical(OWN_MEMORY[self.arch], 4 << 20, needle=SECRET)


@contextmanager
def everybody(bench: Bench) -> Iterator[tuple[list[Hostile], list[Work]]]:
    """Four hostile guests, and three pairs of one architecture each, the last one mixed."""
    numbers = itertools.count()

    def start(arch: Arch, devices: str) -> Probe:
        number = next(numbers)
        system = f"guest{number}"
        text = configuration(arch, system=system, console=f"/dev/ptyp{number}", devices=devices)
        _, terminal = bench.guest(text, system)
        if "myioapic" in devices:
            terminal.probe.register_device(PC_ADDRESSES[0], PC_LINES[0], edge=True)
        return terminal.probe

    hostile = [Hostile(start(arch, f"{device} deny secret*"), arch) for arch, device in PLACES.values()]
    arm, arm_mapped, pc, pc_mapped = PLACES.values()
    pairs = [Work(start(*one), start(*other)) for one, other in ((arm, arm_mapped), (pc, pc_mapped), (arm, pc))]
    yield hostile, pairs


def _nightly() -> float:
    return float(os.environ.get(SECONDS) or 600)


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(20.0, marks=pytest.mark.long), pytest.param(_nightly(), marks=pytest.mark.soak, id="nightly")],
)
def test_hostile_guests_see_nothing_and_leave_the_others_half_of_their_speed(bench: Bench, seconds: float) -> None:
    with everybody(bench) as (hostile, pairs), ThreadPoolExecutor(len(hostile) + len(pairs)) as pool:
        for number, pair in enumerate(pairs):
            pair.prepare(f"secret{number}")

        def side_by_side(what: Callable[[Hostile, float], None]) -> int:
            """Turns of all pairs in one slice, each at work as long as the hostile ones are."""
            until = time.monotonic() + SLICE
            busy = [pool.submit(what, guest, until) for guest in hostile]
            working = [pool.submit(pair.work, until) for pair in pairs]
            for guest in busy:
                guest.result()
            return sum(pair.result() for pair in working)

        speeds: dict[str, int] = {"rampage": 0, "scan": 0}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            speeds["scan"] += side_by_side(Hostile.scan)
            speeds["rampage"] += side_by_side(Hostile.rampage)
        # The seed of a pair's pages is the number of its turn: nobody else has written there.
        for pair in pairs:
            pair.turn()
            assert pair.right.peek(0, PAGE_SIZE) == SECRET.to_bytes(8, "little") * (PAGE_SIZE // 8)
        accesses = sum(guest.accesses for guest in hostile)
        ratio = speeds["rampage"] / speeds["scan"]
        print(f"{seconds:g} s: {accesses} hostile accesses, turns {speeds}, ratio {ratio:.2f}")
        assert [guest.hits for guest in hostile] == [0] * len(hostile)
        assert accesses > 1000
        assert ratio >= 0.5
        assert {guest.system for guest in bench.client.guests()} == {f"guest{number}" for number in range(10)}
