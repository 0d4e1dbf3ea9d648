# SPDX-License-Identifier: Apache-2.0
"""A guest that gives its functions other places: everything about a device is then where its BARs are.

Functions of one guest exchange the places of their BARs, in a drawn order and more than once. So the guest needs no
space of its bus but what it has. Nothing in this depends on the hypervisor's documents: it is how BARs work (PCI Local
Bus Specification 3.0, section 6.2.5.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from fixtures.access import Access
from fixtures.api import PciFunction
from fixtures.configuration import Options
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from harness.shmem.registers import (
    CONTROL_IDX_OFFSET,
    CONTROL_STATUS_OFFSET,
    PAGE_SIZE,
    PCI_BARS,
    PCI_COMMAND,
    PCI_COMMAND_MEMORY,
    SIGNATURE,
)

pytestmark = pytest.mark.only(guest_image=["probe"], placement=["pci"])

SEEDS = range(3)
MOVES = 3
RULES: Options = ("allow a*", "allow b*", "allow c*")
NAMES = "abc"


@dataclass(frozen=True)
class Kept:
    """A region that stays open while its device moves: the BAR that shows it, and where in it; None for no BAR."""

    vdev: int
    region: Region
    place: tuple[int, int] | None
    peer: Region


class Functions:
    """The functions of a guest, and how it moves them."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.shows_in_bars = False
        self._numbers = [guest.device(vdev) for vdev in range(len(guest.vdevs))]
        self._first = [self.function(vdev) for vdev in range(len(guest.vdevs))]

    def function(self, vdev: int) -> PciFunction:
        """What its configuration space says now."""
        found = {device.device: device.pci for device in self.guest.devices() if device.pci}
        assert self._numbers[vdev] in found, f"{self.guest.name} does not find device {vdev} any more"
        return found[self._numbers[vdev]]

    def bars(self, vdev: int) -> dict[int, tuple[int, int]]:
        """Address and size of each BAR of memory."""
        return {bar.bar: (bar.address, bar.size) for bar in self.function(vdev).bars}

    def exchange(self, order: list[int], moving: list[int]) -> None:
        """Give each device the addresses of another one, in the BARs that are moving."""
        self._move([self.function(vdev) for vdev in order], moving)

    def return_all(self) -> None:
        """Give each device the places that it had at first."""
        self._move(self._first, sorted(self.bars(0)))

    def _move(self, places: list[PciFunction], moving: list[int]) -> None:
        commands = [self.guest.probe.load_configuration(number, PCI_COMMAND, 2) for number in self._numbers]
        for number, command in zip(self._numbers, commands, strict=True):
            self.guest.probe.store_configuration(number, PCI_COMMAND, 2, command & ~PCI_COMMAND_MEMORY)
        for number, place in zip(self._numbers, places, strict=True):
            for bar in place.bars:
                if bar.bar in moving:
                    self._place(number, bar.bar, bar.address, wide=bar.wide)
        for number, command in zip(self._numbers, commands, strict=True):
            self.guest.probe.store_configuration(number, PCI_COMMAND, 2, command)

    def _place(self, number: int, bar: int, address: int, *, wide: bool) -> None:
        for word in range(1 + wide):
            value = address >> 32 * word & 0xFFFFFFFF
            self.guest.probe.store_configuration(number, PCI_BARS[bar + word], 4, value)

    def at(self, vdev: int, address: int) -> tuple[int, int] | None:
        """Which BAR of the device has this address, and where in it. The documents name BAR 0 alone, so none may."""
        for bar, (base, size) in self.bars(vdev).items():
            if base <= address < base + size:
                return bar, address - base
        return None

    def check_shown(self, vdev: int, address: int) -> None:
        """A device that shows its open region in a BAR shows new ones in its BARs, where these are now."""
        assert self.at(vdev, address) or not self.shows_in_bars, f"no BAR of device {vdev} has {address:#x}"


def keep(functions: Functions, peer: Guest) -> list[Kept]:
    """Each device opens a region, which a peer has as well, and fills it."""
    kept = []
    for vdev in range(len(functions.guest.vdevs)):
        region = functions.guest.attach(f"{NAMES[vdev]}-kept", 1, vdev=vdev)
        region.fill(seed=vdev)
        kept.append(Kept(vdev, region, functions.at(vdev, region.address), peer.attach(f"{NAMES[vdev]}-kept")))
    functions.shows_in_bars = all(one.place for one in kept)
    return kept


def check_kept(functions: Functions, kept: list[Kept]) -> None:
    """What is open is where the BAR is now, or where it was if it is in none: its control page and its data."""
    guest = functions.guest
    for one in kept:
        control = one.region.address
        if one.place:
            bar, offset = one.place
            control = functions.bars(one.vdev)[bar][0] + offset
        assert guest.read("phys", control + CONTROL_IDX_OFFSET, 4) == one.region.index
        assert guest.read("phys", control + PAGE_SIZE, 8) == int.from_bytes(one.peer.peek(0, 8), "little")
        guest.read("phys", control + CONTROL_STATUS_OFFSET, 4)
        one.peer.signal(one.region.index)
        word = guest.read("phys", control + CONTROL_STATUS_OFFSET, 4)
        assert word == 1 << one.peer.index | sum(1 << index for index in one.peer.members()) << 16


def check_new(functions: Functions, peer: Guest, access: Access, turn: int) -> None:
    """Each device has its registers and its rules where it is now, and shows new regions there."""
    guest = functions.guest
    for vdev in range(len(guest.vdevs)):
        guest.select(vdev)
        assert guest.registers().signature == SIGNATURE
        assert guest.request(f"{NAMES[vdev - 1]}-{turn}", vdev=vdev).status == access.refusal
        name = f"{NAMES[vdev]}-{turn}"
        ours = guest.attach(name, 2, vdev=vdev)
        functions.check_shown(vdev, ours.address)
        ours.fill(seed=turn)
        theirs = peer.attach(name)
        assert theirs.differences(seed=turn) == 0
        theirs.pending()
        ours.signal(theirs.index)
        assert theirs.pending() == {ours.index}
        ours.detach()
        assert theirs.members() == {theirs.index}
        theirs.detach()


@pytest.mark.requirement("SHM-FACT-06", "SHM-PCI-02")
@pytest.mark.parametrize("seed", SEEDS)
def test_functions_that_exchange_their_places(deploy: Deploy, access: Access, seed: int) -> None:
    """Registers, open regions and new ones are where the BARs are, after each move; nothing is left behind."""
    random = Random(seed)
    guest, peer = deploy(RULES[: 2 + seed % 2], "")
    functions = Functions(guest)
    kept = keep(functions, peer)
    for turn in range(MOVES):
        bars = sorted(functions.bars(0))
        moving = random.sample(bars, random.randint(1, len(bars)))
        first = random.randint(1, len(guest.vdevs) - 1)
        order = [(vdev + first) % len(guest.vdevs) for vdev in range(len(guest.vdevs))]
        functions.exchange(order, moving)
        check_kept(functions, kept)
        check_new(functions, peer, access, turn)
    functions.return_all()
    for one in kept:
        assert one.region.differences(seed=one.vdev) == 0
        one.region.detach()
        assert one.peer.members() == {one.peer.index}
