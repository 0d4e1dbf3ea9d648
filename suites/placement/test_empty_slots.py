# SPDX-License-Identifier: Apache-2.0
"""Devices at addresses, and a guest that stores to the slots of its PCI bus in which no function is."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

import pytest

from fixtures.api import PageAccess, conclude, judged
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from harness.shmem.registers import SIGNATURE

pytestmark = [pytest.mark.only(guest_image=["probe"], placement=["mmio"]), pytest.mark.drawn]

ROUNDS: Final = 4
MORE: Final = 3
STORES: Final = 25
PLACES: Final = (range(0x40), range(0x40, 0x60), range(0x100))
"""The header, the usual place of the first capabilities, and everything."""
ONES: Final = 0xFFFF_FFFF
HARMLESS: Final = PageAccess(0, 2, 0)
"""To the identifier of the vendor, which no store changes."""
SECONDS: Final = 20.0
_LENGTH: Final = 256


def drawn_stores(random: Random) -> list[PageAccess]:
    """Stores of any width: ones, zeros, anything, an address of memory."""
    stores = []
    for _ in range(STORES):
        width = random.choice((1, 2, 4))
        places = random.choice(PLACES)
        at = random.randrange(places.start, places.stop, width)
        value = random.choice((0, ONES, 0x2, 0x406, 0xA000_0000, random.getrandbits(32)))
        stores.append(PageAccess(at, width, value & (1 << 8 * width) - 1))
    return stores


class Pair:
    """Regions that each device of a guest shares with a peer."""

    def __init__(self, guest: Guest, peer: Guest) -> None:
        self.guest, self.peer = guest, peer
        self._regions: list[tuple[Region, Region]] = []

    def share(self, name: str) -> None:
        """One more region of each device, filled."""
        for vdev in range(len(self.guest.vdevs)):
            ours, theirs = (who.attach(f"{name}-{vdev}", vdev=vdev) for who in (self.guest, self.peer))
            ours.fill(seed=len(self._regions))
            self._regions.append((ours, theirs))

    def wrong(self, bench: Bench) -> Iterator[str]:
        """What is not where it was, or does not arrive."""
        for vdev, location in enumerate(bench.config.mmio[: len(self.guest.vdevs)]):
            judged()
            if self.guest.read("phys", location.loc, 8) != SIGNATURE:
                yield f"no signature at {location.loc:#x}, the place of device {vdev}"
        for number, (ours, theirs) in enumerate(self._regions):
            judged()
            if ours.members() != theirs.members() or theirs.peek(0, _LENGTH) != ours.peek(0, _LENGTH):
                yield f"region {number} is not the same for both"
        for vdev, (ours, theirs) in enumerate(self._regions[: len(self.guest.vdevs)]):
            ours.pending()
            if not self.guest.can_listen("pin", vdev=vdev):
                continue
            theirs.signal(ours.index)
            judged()
            if self.guest.wait_interrupts(SECONDS).senders(ours.handle) != 1 << theirs.index:
                yield f"device {vdev} does not interrupt"
            self.guest.probe.irq_off()


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("SHM-MMIO-01", "SHM-MMIO-02")
def test_stores_to_empty_slots_change_no_device(deploy: Deploy, bench: Bench, number: int) -> None:
    """Devices and regions stay where they are, new ones work, signals arrive, and no function comes out of a slot."""
    guest, peer = deploy(("", ""), ("", ""))
    random, pair = Random(f"slots {number}"), Pair(guest, peer)
    pair.share("before")
    # Before any other store: what is counted during the attack may be its work already.
    (empty,) = guest.probe.store_to_empty_slots([HARMLESS])
    if not empty:
        pytest.skip(f"guests of bench {bench.name} have no bus of their own")
    assert set(guest.probe.store_to_empty_slots(drawn_stores(random))) == {empty}, "a function came out of a slot"
    pair.share("after")
    assert [device.pci for device in guest.devices() if device.pci] == []
    wrong = [*pair.wrong(bench)]
    # A store may take back what another one did, so there are only some between two looks.
    for _ in range(MORE):
        assert set(guest.probe.store_to_empty_slots(drawn_stores(random))) == {empty}, "a function came out of a slot"
        wrong += pair.wrong(bench)
    conclude(wrong)
