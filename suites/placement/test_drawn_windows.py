# SPDX-License-Identifier: Apache-2.0
"""Where devices show regions: many at a time, of all sizes, in a drawn order of coming and going.

A seed draws the same history on every bench. What a device has room for is its own matter; but regions never overlap,
all of each is there, and what fitted once fits again.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from fixtures.bench import Bench
from fixtures.configuration import Options
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from fixtures.settings import Setting
from harness.shmem.boundaries import LARGEST_PAGES, around, page_counts
from harness.shmem.registers import MAX_CLIENTS, PAGE_SIZE
from harness.shmem.status import NO_ROOM
from suites.placement.places import taken

pytestmark = pytest.mark.only(guest_image=["probe"])

SEEDS = range(1, 3)
TURNS = 70
MOST_HELD = 26
SMALL = page_counts(300)
LARGE = (*around(512, 1024, 2048, LARGEST_PAGES, least=301, most=LARGEST_PAGES), LARGEST_PAGES)
HUGE = around(LARGEST_PAGES + 1, 1 << 14, 1 << 16, 1 << 18, least=LARGEST_PAGES + 1, most=1 << 19)
SIZES = (SMALL, LARGE, HUGE)
LIKES = ((8, 1, 0), (1, 8, 1), (1, 1, 8), (1, 1, 1))
"""How likely a phase makes a region of one of these sizes."""


DENIED = "deny refused*"
"""What every device of the guest has."""
REFUSED = (("refused", 1), ("/", 1), ("", 1), ("empty", 0), ("huge", 1 << 20), ("full", 1), ("full", 1))
"""Names and pages that a device refuses; the last region has as many clients as it takes."""


def fill(peer: Guest) -> None:
    """Let one guest be all clients of a region, if the profile gives it more connections than one."""
    region: Region | None = peer.attach("full")
    while region is not None and len(region.members()) == len(peer.attached) < MAX_CLIENTS:
        region = peer.request("full").region


def refuse(guest: Guest, random: Random, vdev: int) -> None:
    """A few requests of which nothing comes: they take no place. What the profile grants is left again."""
    for name, pages in random.choices(REFUSED, k=random.randint(0, 3)):
        region = guest.request(name, pages, vdev=vdev).region
        if region:
            region.detach()


@dataclass(frozen=True)
class Held:
    """A region that is open, by which device, and what is at the ends of its data."""

    name: str
    vdev: int
    region: Region
    mark: bytes

    @property
    def ends(self) -> tuple[int, int, int]:
        """Where it is marked: in the first page, in some page between, and in the last one."""
        size = self.region.pages * PAGE_SIZE
        return 0, size // 2, size - len(self.mark)

    @property
    def addresses(self) -> tuple[int, int]:
        """The first address of the control page, and the one behind the data."""
        return self.region.address, self.region.address + (1 + self.region.pages) * PAGE_SIZE


class Windows:
    """The guest's open regions, and what its devices have had room for."""

    def __init__(self, guest: Guest, peer: Guest, random: Random, devices: int) -> None:
        self._guest = guest
        self._peer = peer
        self._random = random
        self._devices = devices
        self._held: list[Held] = []
        self._fitted: dict[int, list[list[int]]] = {vdev: [] for vdev in range(devices)}
        self._made = 0
        self._taken = taken(guest)

    def open(self, sizes: tuple[int, ...]) -> None:
        """One more region, of one of these sizes, by any device; a peer finds in it what the guest has written."""
        vdev, pages = self._random.randrange(self._devices), self._random.choice(sizes)
        refuse(self._guest, self._random, vdev)
        self._made += 1
        name = f"shown-{self._made}"
        answer = self._guest.request(name, pages, vdev=vdev)
        wanted = sorted([pages, *self._pages(vdev)], reverse=True)
        if answer.region is None:
            again = any(_fits(wanted, fitted) for fitted in self._fitted[vdev])
            assert not again, f"device {vdev} has no room for {pages} pages any more: {answer.status.name}"
            assert answer.status in NO_ROOM
            self._check_nothing(name, pages)
            return
        self._fitted[vdev].append(wanted)
        held = Held(name, vdev, answer.region, self._made.to_bytes(4, "little") * 2)
        assert held.region.pages == pages
        self._check_alone(held)
        self._held.append(held)
        for offset in held.ends:
            held.region.poke(offset, held.mark)
        theirs = self._peer.attach(name)
        assert [theirs.peek(offset, len(held.mark)) for offset in held.ends] == [held.mark] * 3
        theirs.detach()

    def leave(self) -> None:
        """Leave one."""
        if self._held:
            self._held.pop(self._random.randrange(len(self._held))).region.detach()

    def check(self) -> None:
        """All have what was written, and their guest as a member."""
        for held in self._held:
            seen = [held.region.peek(offset, len(held.mark)) for offset in held.ends]
            assert seen == [held.mark] * 3, f"{held.name}, {held.region.pages} pages, at {held.region.address:#x}"
            assert held.region.members() == {held.region.index}, held.name

    def leave_all(self) -> None:
        """Leave what is left."""
        while self._held:
            self.leave()

    @property
    def full(self) -> bool:
        """Whether the guest has as many as it keeps account of."""
        return len(self._held) >= MOST_HELD

    def _check_nothing(self, name: str, pages: int) -> None:
        """A request without room has made no region and no member: a peer makes it, alone and in a size of its own."""
        theirs = self._peer.attach(name, pages=1)
        assert theirs.members() == {theirs.index}, f"{name} has members after a request for {pages} pages was refused"
        assert theirs.pages == 1, name
        theirs.detach()

    def _pages(self, vdev: int) -> list[int]:
        return [held.region.pages for held in self._held if held.vdev == vdev]

    def _check_alone(self, new: Held) -> None:
        """Nothing else is at its addresses, neither a region nor what else the guest has."""
        first, end = new.addresses
        for other in self._held:
            start, stop = other.addresses
            assert end <= start or stop <= first, f"{new.name} and {other.name} overlap at {max(first, start):#x}"
        for one in self._taken:
            assert end <= one.start or one.stop <= first, f"{new.name} covers what is at {max(first, one.start):#x}"


def _fits(wanted: list[int], fitted: list[int]) -> bool:
    """Whether regions of some sizes fit where others did; both lists have the largest first."""
    return len(wanted) <= len(fitted) and all(one <= other for one, other in zip(wanted, fitted, strict=False))


@pytest.fixture(params=SEEDS, ids="seed {}".format)
def windows(request: pytest.FixtureRequest, bench: Bench, setting: Setting, deploy: Deploy) -> tuple[Windows, Random]:
    """A guest with one to three devices, where the setting has them, and a peer."""
    random = Random(f"windows {request.param} {setting.placement}")
    count = random.randint(1, 3 if setting.placement == "pci" else len(bench.config.mmio))
    options: Options = tuple(DENIED for _ in range(count))
    guest, peer = deploy(options, "")
    fill(peer)
    return Windows(guest, peer, random, count), random


@pytest.mark.requirement("SHM-FACT-06", "SHM-FACT-07", "SHM-PCI-01", "SHM-MMIO-01", "SHM-ISOL-04")
def test_every_region_has_a_place_of_its_own(windows: tuple[Windows, Random]) -> None:
    """However many there are, of whatever sizes, in any order of coming and going."""
    shown, random = windows
    for turn in range(TURNS):
        if turn % 10 == 0:
            shown.check()
            likes, leaves = random.choice(LIKES), random.choice((0.05, 0.3, 0.7))
        if shown.full or random.random() < leaves:
            shown.leave()
        else:
            shown.open(*random.choices(SIZES, likes))
    shown.check()
    shown.leave_all()


ROW = 14
"""Regions that a device is filled with: a guest keeps account of 32 at once, of all devices."""
COMINGS = 60


@pytest.mark.requirement("SHM-FACT-06", "SHM-PCI-01", "SHM-MMIO-01", "SHM-STAT-01", "SHM-STAT-02")
@pytest.mark.parametrize("pages", [1, 300])
def test_the_first_free_place_is_taken(bench: Bench, setting: Setting, deploy: Deploy, pages: int) -> None:
    """Regions of one size show in which order a device gives places away; then they come and go in a drawn order.

    Whatever comes and goes and is refused, in this device or another one, a region gets the first place of that order
    that is free.
    """
    if bench.config.profile.window_reuse != "lowest-free":
        pytest.skip("the profile says that places are not given away again at once (window_reuse)")
    random = Random(f"first {pages} {setting.placement}")
    two = setting.placement == "pci" or len(bench.config.mmio) > 1
    guest, peer = deploy((DENIED, DENIED) if two else (DENIED,), "")
    fill(peer)
    devices = range(len(guest.devices()))
    rows = [_row(guest, vdev, pages) for vdev in devices]
    held = [dict(enumerate(row)) for row in rows]
    for coming in range(COMINGS):
        here, row = (vdev := random.choice(devices)), rows[vdev]
        for place in random.sample(sorted(held[here]), k=random.randint(0, len(held[here]))):
            held[here].pop(place).detach()
        for number in range(random.randint(1, 4)):
            refuse(guest, random, here)
            region = guest.attach(f"place-{coming}-{number}", pages, vdev=here)
            first = next((place for place in range(len(row)) if place not in held[here]), None)
            if first is None:
                region.detach()
                break
            assert region.address == row[first].address, f"device {here}: place {first} is free"
            held[here][first] = region


def _row(guest: Guest, vdev: int, pages: int) -> list[Region]:
    """Regions that a device attaches to while it has none, in the order of their places."""
    answers = (guest.request(f"row-{vdev}-{number}", pages, vdev=vdev) for number in range(ROW))
    return [answer.region for answer in answers if answer.region]
