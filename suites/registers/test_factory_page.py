# SPDX-License-Identifier: Apache-2.0
"""The factory page: reads, stores and requests."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from harness.shmem import registers as reg
from harness.shmem.boundaries import LARGEST_PAGES, around, page_counts, places
from harness.shmem.status import Status
from suites.registers.illegal import an_illegal_name

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
SEVERAL = 12
"""Regions that a guest holds at a time by one factory page."""


@dataclass(frozen=True)
class ByHand:
    """A connection that a test made by single stores; the guest's own table of regions does not know it."""

    guest: Guest
    address: int

    def word(self, offset: int) -> int:
        """Read a register of its control page."""
        return self.guest.read("phys", self.address + offset, 4)

    def leave(self) -> None:
        """Detach from the region."""
        self.guest.write("phys", self.address + reg.CONTROL_DETACH_OFFSET, 4, 1)


def request_by_hand(guest: Guest, pages: int) -> ByHand:
    """The store to size alone; the name is what it is. Not to get a region is a failed requirement."""
    guest.write("factory", reg.SIZE_OFFSET, 4, pages)
    registers = guest.registers()
    assert registers.status == Status.OK
    return ByHand(guest, registers.shmem)


@pytest.mark.requirement("SHM-FACT-01")
def test_the_signature_reads_the_same_whole_and_in_halves(deploy: Deploy) -> None:
    """It is read by one load of 64 bits, and by two of 32 in either order."""
    guest, _, _ = deploy(*FREE)
    low, high = reg.SIGNATURE & 0xFFFFFFFF, reg.SIGNATURE >> 32
    offset = reg.SIGNATURE_OFFSET
    assert guest.read("factory", offset, 8) == reg.SIGNATURE
    assert (guest.read("factory", offset, 4), guest.read("factory", offset + 4, 4)) == (low, high)
    assert (guest.read("factory", offset + 4, 4), guest.read("factory", offset, 4)) == (high, low)


READ_ONLY = {
    "signature": (reg.SIGNATURE_OFFSET, 8),
    "shmem": (reg.SHMEM_OFFSET, 8),
    "vector": (reg.VECTOR_OFFSET, 4),
    "status": (reg.STATUS_OFFSET, 4),
}


@pytest.mark.parametrize("name", READ_ONLY)
@pytest.mark.requirement("SHM-FACT-02")
def test_a_store_to_a_read_only_register_changes_nothing(deploy: Deploy, name: str) -> None:
    """Several values are stored while a region is attached and after that; the region is not affected."""
    guest, peer, _ = deploy(*FREE)
    region, theirs = guest.attach("steady", pages=2), peer.attach("steady")
    region.fill(seed=1)
    offset, width = READ_ONLY[name]
    before, held = guest.registers(), guest.read("factory", offset, width)
    for value in (0, (1 << 8 * width) - 1, 0x5A5A5A5A):
        # Whether such a store is ignored or faults is not said.
        guest.store("factory", offset, width, value)
        assert guest.registers() == before, f"after {value:#x} was stored to {name}"
        assert guest.read("factory", offset, width) == held, f"{name}, after {value:#x} was stored to it"
    assert theirs.differences(seed=1) == 0
    assert theirs.members() == {region.index, theirs.index}


@pytest.mark.requirement("SHM-FACT-03")
def test_the_name_alone_requests_nothing(deploy: Deploy) -> None:
    """The name is written byte by byte and in words, after a request, so that size holds a number."""
    guest, peer, _ = deploy(*FREE)
    guest.attach("earlier", pages=2).detach()
    before = guest.registers()
    guest.probe.set_name("silent")
    for word in range(reg.NAME_SIZE // 4):
        offset = reg.NAME_OFFSET + 4 * word
        guest.write("factory", offset, 4, guest.read("factory", offset, 4))
    after = guest.registers()
    assert after.name.partition(b"\0")[0] == b"silent"
    assert (after.status, after.shmem, after.size) == (before.status, before.shmem, before.size)
    theirs = peer.attach("silent", pages=5)
    assert (theirs.pages, theirs.members()) == (5, {theirs.index}), "somebody made the region before"


@pytest.mark.requirement("SHM-FACT-03")
def test_the_store_to_size_requests(deploy: Deploy) -> None:
    """Nothing happens before the store; afterwards the request is complete."""
    guest, peer, _ = deploy(*FREE)
    theirs = peer.attach("trigger", pages=3)
    guest.probe.set_name("trigger")
    assert theirs.members() == {theirs.index}
    ours = request_by_hand(guest, 3)
    assert theirs.members() == {theirs.index, ours.word(reg.CONTROL_IDX_OFFSET)}
    ours.leave()
    assert theirs.members() == {theirs.index}


@pytest.mark.requirement("SHM-FACT-04")
def test_the_result_is_final_when_the_store_has_completed(deploy: Deploy, bench: Bench) -> None:
    """Requests succeed and fail alternately; the status and the peer's view are checked at once."""
    illegal = an_illegal_name(bench)
    guest, peer, _ = deploy(*FREE)
    theirs = peer.attach("prompt")
    for _ in range(20):
        ours = guest.request("prompt")
        assert ours.status == Status.OK
        assert ours.region is not None
        assert theirs.members() == {theirs.index, ours.region.index}
        assert guest.request(illegal).status == Status.ILLEGAL_NAME
        ours.region.detach()
        assert theirs.members() == {theirs.index}


@pytest.mark.parametrize("pages", [1, 4, 256, LARGEST_PAGES])
@pytest.mark.requirement("SHM-FACT-05")
def test_size_reads_back_the_real_number_of_pages(deploy: Deploy, pages: int) -> None:
    """The first one decides; others may ask for less, the same and more."""
    guest, peer, _ = deploy(*FREE)
    theirs = peer.attach("sized", pages=pages)
    for asked in around(1, pages, pages // 2, 2 * pages, LARGEST_PAGES, least=1, most=LARGEST_PAGES):
        region = guest.attach("sized", pages=asked)
        assert (region.pages, guest.registers().size, theirs.pages) == (pages, pages, pages), f"{asked} asked for"
        region.detach()


@pytest.mark.requirement("SHM-FACT-06")
def test_shmem_points_to_the_control_page(deploy: Deploy) -> None:
    """Page-aligned, and what is there is this client's index and the member set."""
    for guest in deploy(*FREE):
        region = guest.attach("pointed")
        address = guest.registers().shmem
        assert address % reg.PAGE_SIZE == 0
        assert guest.read("phys", address + reg.CONTROL_IDX_OFFSET, 4) == region.index
        status = guest.read("phys", address + reg.CONTROL_STATUS_OFFSET, 4)
        assert status >> reg.STATUS_MEMBERS_SHIFT & 1 << region.index


@pytest.mark.parametrize("pages", [1, 2, 16, 257, LARGEST_PAGES - 1])
@pytest.mark.requirement("SHM-FACT-07")
def test_the_data_begins_behind_the_control_page(deploy: Deploy, pages: int) -> None:
    """As many pages as size says, each where it belongs; what is written behind the last one nobody else sees.

    Of many pages, the first, the middle and the last ones are looked at.
    """
    guest, peer, _ = deploy(*FREE)
    ours, theirs = guest.attach("layout", pages=pages), peer.attach("layout", pages=pages)
    first = ours.address + reg.DATA_OFFSET
    looked_at = range(pages) if pages <= 16 else places(pages)
    for page in looked_at:
        guest.write("phys", first + page * reg.PAGE_SIZE, 8, 0xD0D0_0000 + page)
    words = [theirs.peek(page * reg.PAGE_SIZE, 8) for page in looked_at]
    assert words == [(0xD0D0_0000 + page).to_bytes(8, "little") for page in looked_at]
    behind, mark = pages * reg.PAGE_SIZE, 0xB0B0_B0B0_B0B0_B0B0
    peer.store("phys", theirs.address + reg.DATA_OFFSET + behind, 8, mark)
    assert guest.probe.scan_physical(first + behind, reg.PAGE_SIZE, needle=mark).hits == 0


@pytest.mark.requirement("SHM-FACT-08")
def test_one_factory_page_opens_several_regions_in_turn(deploy: Deploy) -> None:
    """shmem follows the latest; the earlier ones go on, each with its own bytes."""
    guest, peer, _ = deploy(*FREE)
    regions: list[Region] = []
    sizes = page_counts()[:SEVERAL]
    for number, pages in enumerate(sizes):
        regions.append(guest.attach(f"turn{number}", pages=pages))
        assert guest.registers().shmem == regions[-1].address
    assert len({region.address for region in regions}) == len(regions)
    for seed, region in enumerate(regions):
        region.fill(seed=seed)
    theirs = [peer.attach(f"turn{number}") for number in range(SEVERAL)]
    assert tuple(region.pages for region in theirs) == sizes
    assert [region.differences(seed=seed) for seed, region in enumerate(theirs)] == [0] * SEVERAL


@pytest.mark.requirement("SHM-FACT-09")
def test_the_name_takes_single_bytes_in_any_order(deploy: Deploy) -> None:
    """The name is written backwards over an earlier one."""
    guest, peer, _ = deploy(*FREE)
    guest.attach("a-name-that-was-there-before").detach()
    theirs = peer.attach("bytes")
    for offset, byte in reversed(list(enumerate(b"bytes\0"))):
        guest.write("factory", reg.NAME_OFFSET + offset, 1, byte)
    ours = request_by_hand(guest, 1)
    assert theirs.members() == {theirs.index, ours.word(reg.CONTROL_IDX_OFFSET)}
    ours.leave()


@pytest.mark.requirement("SHM-FACT-09")
def test_a_short_name_after_a_long_one_ends_at_its_terminator(deploy: Deploy) -> None:
    """The rest of the long name is still in the register, behind the NUL."""
    guest, peer, _ = deploy(*FREE)
    guest.attach("shortened-name").detach()
    ours, theirs = guest.attach("short"), peer.attach("short")
    assert theirs.members() == {ours.index, theirs.index}


@pytest.mark.usefixtures("any_width")
@pytest.mark.requirement("SHM-PROF-05")
def test_a_store_of_eight_bytes_covers_size_and_the_beginning_of_the_name(deploy: Deploy) -> None:
    """Compilers merge neighbouring stores. All bytes count before the request is looked at."""
    guest, peer, _ = deploy(*FREE)
    theirs = peer.attach("wide")
    guest.probe.set_name("----")
    guest.write("factory", reg.SIZE_OFFSET, 8, int.from_bytes(b"wide", "little") << 32 | 1)
    assert guest.registers().status == Status.OK
    assert len(theirs.members()) == 2
    ByHand(guest, guest.registers().shmem).leave()
