# SPDX-License-Identifier: Apache-2.0
"""Guests with any number of devices, on PCI and in memory in any order, each with a name of its own that it may use.

What no list of examples has is drawn: how many devices there are, where each is, on which line, how large its region
is, and in which order they are used and left. A seed draws the same guest on every bench.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import pytest

from fixtures.access import Access
from fixtures.api import PATHS
from fixtures.bench import Bench
from fixtures.configuration import Options
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from fixtures.hostside import demand
from fixtures.settings import MmioLocation, Setting
from harness.shmem.registers import PAGE_SIZE, SIGNATURE
from harness.shmem.status import Status
from suites.placement.places import drawn_places, taken
from suites.registers.page import announced

pytestmark = pytest.mark.only(guest_image=["probe"])

SECONDS = 20.0
MOST_DEVICES = 12
MOST_PAGES = 40
"""Of a region: as many as the smallest place of a device in memory can show."""
SEEDS = range(1, 5)
FILLING = (34_000, 8_000, 8_000, *[1_000] * 12)
"""Pages of regions that reach into most of a window, whatever places it has; without room for one, others are tried."""


@dataclass(frozen=True)
class Drawn:
    """The places of a guest's devices, None on PCI, the pages of the region of each, and which of them have a name."""

    places: tuple[MmioLocation | None, ...]
    pages: tuple[int, ...]
    named: frozenset[int]

    @property
    def options(self) -> Options:
        """The options of the devices: each may use one region."""
        return tuple(" ".join(self._options(vdev)) for vdev in range(len(self.places)))

    def _options(self, vdev: int) -> Iterator[str]:
        if vdev in self.named:
            yield f"name {_device(vdev)}"
        if place := self.places[vdev]:
            yield place.options
        yield f"allow {_name(vdev)}"


def _name(vdev: int) -> str:
    return f"region-of-{vdev}"


def _device(vdev: int) -> str:
    return f"device-{vdev}"


@pytest.fixture(params=SEEDS, ids="seed {}".format)
def drawn(request: pytest.FixtureRequest, bench: Bench, setting: Setting) -> Drawn:
    """A guest of this seed."""
    random = Random(f"{request.param} {setting.placement}")
    in_memory = drawn_places(random, bench)
    if setting.placement == "mmio":
        places: list[MmioLocation | None] = list(random.sample(in_memory, random.randint(1, len(in_memory))))
    else:
        count = random.randint(2, MOST_DEVICES)
        places = [None] * count
        for vdev in random.sample(range(count), min(count - 1, random.randint(0, len(in_memory)))):
            places[vdev] = in_memory.pop()
    pages = tuple(random.sample(range(1, MOST_PAGES), len(places)))
    return Drawn(tuple(places), pages, frozenset(vdev for vdev in range(len(places)) if random.random() < 0.5))


@dataclass(frozen=True)
class Pair:
    """The regions of all devices, from the guest's and from a peer's side."""

    ours: list[Region]
    theirs: list[Region]


def _attach_all(guest: Guest, peer: Guest, drawn: Drawn, order: Sequence[int]) -> Pair:
    ours = {vdev: guest.attach(_name(vdev), drawn.pages[vdev], vdev=vdev) for vdev in order}
    theirs = [peer.attach(_name(vdev)) for vdev in range(len(drawn.places))]
    return Pair([ours[vdev] for vdev in range(len(drawn.places))], theirs)


def _shuffled(random: Random, count: int) -> list[int]:
    return random.sample(range(count), count)


@pytest.mark.requirement("SHM-PCI-01", "SHM-MMIO-01")
def test_every_device_is_a_device_of_its_own(deploy: Deploy, access: Access, drawn: Drawn) -> None:
    """Each is found where it was placed, has rules, registers and regions of its own, and none loses another's."""
    guest, peer = deploy(drawn.options, "")
    random, count = Random(str(drawn)), len(drawn.places)
    for vdev in _shuffled(random, count):
        guest.select(vdev)
        assert guest.registers().signature == SIGNATURE
        for other in _shuffled(random, count):
            answer = guest.request(_name(other), vdev=vdev)
            assert answer.status == (Status.OK if other == vdev else access.refusal), f"device {vdev}: {_name(other)}"
        guest.detach_all()
    pair = _attach_all(guest, peer, drawn, _shuffled(random, count))
    assert [region.pages for region in pair.theirs] == list(drawn.pages)
    for vdev, region in enumerate(pair.ours):
        guest.select(vdev)
        assert guest.registers().shmem == region.address
        region.fill(seed=vdev)
    assert [region.differences(seed=vdev) for vdev, region in enumerate(pair.theirs)] == [0] * count
    for vdev in _shuffled(random, count):
        pair.ours[vdev].detach()
        present = [len(region.members()) - 1 for region in pair.theirs]
        assert present == [int(region in guest.attached) for region in pair.ours], f"after {vdev} has been left"


def _show_apart(guest: Guest) -> list[range]:
    """Large regions of all devices: their addresses have nothing in common, and nothing else of the guest is there."""
    others = taken(guest)
    shown: list[range] = []
    for vdev in range(len(guest.vdevs)):
        guest.select(vdev)
        for number, pages in enumerate(FILLING):
            region = announced(guest, f"{vdev:x}{number:x}", pages)
            if region:
                common = [one for one in others + shown if one.start < region.stop and region.start < one.stop]
                assert not common, f"device {vdev}: {pages} pages at {region.start:#x} cover {common[0].start:#x}"
                shown.append(region)
    # Nothing else leaves regions that the guest has not mapped.
    guest.power_off()
    return shown


@pytest.mark.requirement("SHM-FACT-06", "SHM-PCI-01", "SHM-MMIO-01")
def test_no_region_is_in_the_place_of_anything_else(deploy: Deploy, drawn: Drawn) -> None:
    """Wherever the devices are."""
    (guest, _) = deploy(tuple(place.options if place else "" for place in drawn.places), "")
    _show_apart(guest)


@pytest.mark.only(placement=["mmio"])
@pytest.mark.requirement("SHM-FACT-06", "SHM-MMIO-01")
@pytest.mark.parametrize("seed", SEEDS, ids="seed {}".format)
def test_a_device_may_be_where_another_one_had_its_regions(deploy: Deploy, bench: Bench, seed: int) -> None:
    """The guest starts once more with the page of one more device in the first page of a region, or elsewhere in it."""
    span, random = bench.config.mmio_range, Random(seed)
    if span is None or len(bench.config.mmio) < 2:
        pytest.skip(f"bench {bench.name} does not say where else devices may be in memory")
    first, second = random.sample(bench.config.mmio, 2)
    (guest, _) = deploy((first.options,), "")
    shown = [
        one.start + page * PAGE_SIZE
        for one in _show_apart(guest)
        for page in (0, random.randrange(len(one) // PAGE_SIZE), len(one) // PAGE_SIZE - 1)
        if one.start >= span.first and one.stop <= span.last
    ]
    if not shown:
        pytest.skip(f"bench {bench.name} shows regions where no device may be")
    places = [first, replace(second, loc=random.choice(shown), window=None)]
    random.shuffle(places)
    (guest, _) = deploy(tuple(place.options for place in places), "")
    _show_apart(guest)


@pytest.mark.only(placement=["mmio"])
@pytest.mark.requirement("SHM-MMIO-05", "SHM-NOTIF-05")
@pytest.mark.parametrize("seed", SEEDS, ids="seed {}".format)
def test_guests_with_the_same_places_and_other_lines(deploy: Deploy, bench: Bench, seed: int) -> None:
    """Two guests have devices at the same addresses, and each device its own line in either guest."""
    if bench.config.mmio_range is None:
        pytest.skip(f"bench {bench.name} does not say where else devices may be in memory")
    random = Random(seed)
    places = drawn_places(random, bench)
    lines = [*places[1:], places[0]]
    others = [replace(other, loc=place.loc, window=None) for place, other in zip(places, lines, strict=True)]
    guests = deploy(*(tuple(place.options for place in several) for several in (places, others)))
    for guest, several in zip(guests, (places, others), strict=True):
        in_tree = {device.factory: device.interrupt for device in guest.devices() if device.placement == "mmio"}
        if any(in_tree.values()):
            assert in_tree == {place.loc: place.line for place in several}, guest.name
    for vdev in range(len(places)):
        one, other = (guest.attach("common", vdev=vdev) for guest in guests)
        for ours, theirs in ((one, other), (other, one)):
            ours.pending()
            ours.guest.listen("pin", vdev=vdev)
            theirs.signal(ours.index)
            waited = ours.guest.wait_interrupts(SECONDS)
            assert waited.senders(ours.handle) == 1 << theirs.index, f"{ours.guest.name}, device {vdev}"
            ours.guest.probe.irq_off()
        for region in (one, other):
            region.detach()


@pytest.mark.requirement("SHM-MMIO-03")
def test_every_device_in_memory_tells_its_line(deploy: Deploy, drawn: Drawn) -> None:
    """The vector register, whatever devices stand before it."""
    if not any(drawn.places):
        pytest.skip("this guest has no device in memory")
    (guest, _) = deploy(drawn.options, "")
    for vdev, place in enumerate(drawn.places):
        if place:
            guest.select(vdev)
            assert guest.registers().vector == place.line, f"device {vdev}"


@pytest.mark.only(placement=["pci"])
@pytest.mark.requirement("SHM-PROF-08")
def test_every_device_on_pci_tells_its_line(deploy: Deploy, drawn: Drawn, bench: Bench) -> None:
    """The vector register, if the guest knows the line of the pin."""
    (guest, _) = deploy(drawn.options, "")
    lines = [device.interrupt for device in guest.devices() if device.placement == "pci"]
    if not any(lines):
        pytest.skip(f"the tables of guests of bench {bench.name} have no line for a device on PCI")
    on_pci = [vdev for vdev, place in enumerate(drawn.places) if not place]
    for vdev, line in zip(on_pci, lines, strict=True):
        guest.select(vdev)
        expected = line if bench.profile.pci_vector == "pin-line" else 0
        assert guest.registers().vector == expected, f"device {vdev}"


@pytest.mark.requirement("SHM-PROF-09")
def test_devices_with_a_name_are_in_the_directory_or_none_is(deploy: Deploy, drawn: Drawn, bench: Bench) -> None:
    """While their guest runs, on PCI and in memory, also where another guest has a device of the same name."""
    demand(bench, PATHS)
    guest, peer = deploy(drawn.options, f"name {_device(0)}")
    expected = drawn.named if bench.profile.dev_node == "present" else frozenset()
    with bench.host() as host:

        def there() -> set[int]:
            vdevs = range(len(drawn.places))
            return {vdev for vdev in vdevs if host.path_exists(f"/dev/qvm/{guest.name}/{_device(vdev)}")}

        assert there() == expected
        peer.power_off()
        assert there() == expected
        guest.power_off()
        assert there() == set()


@pytest.mark.requirement("SHM-MMIO-05", "SHM-PCI-01", "SHM-NOTIF-05")
def test_every_device_interrupts_for_its_own_regions(deploy: Deploy, drawn: Drawn) -> None:
    """By the line or message of the device, for a signal in its region; the other devices keep theirs."""
    guest, peer = deploy(drawn.options, "")
    random, count = Random(str(drawn)), len(drawn.places)
    in_tree = {device.factory: device.interrupt for device in guest.devices() if device.placement == "mmio"}
    if any(in_tree.values()):
        assert in_tree == {place.loc: place.line for place in drawn.places if place}
    pair = _attach_all(guest, peer, drawn, _shuffled(random, count))
    for vdev in _shuffled(random, count):
        for region in pair.ours:
            region.pending()
        guest.listen("pin" if random.random() < 0.5 and guest.can_listen("pin", vdev=vdev) else None, vdev=vdev)
        for other in _shuffled(random, count):
            pair.theirs[other].signal(pair.ours[other].index)
        waited = guest.wait_interrupts(SECONDS)
        senders = {item.handle: item.senders for item in waited.pending if item.senders}
        assert senders == {pair.ours[vdev].handle: 1 << pair.theirs[vdev].index}, f"device {vdev}"
        guest.probe.irq_off()
        kept = [region.pending() for at, region in enumerate(pair.ours) if at != vdev]
        assert kept == [{region.index} for at, region in enumerate(pair.theirs) if at != vdev], f"device {vdev}"
