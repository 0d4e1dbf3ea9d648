# SPDX-License-Identifier: Apache-2.0
"""Regions of the sizes that drivers for the real device ask for: up to the 128 MiB of the vendor's own figure."""

from __future__ import annotations

from typing import Final

import pytest

from harness.guest.probe import IrqSource
from harness.shmem.registers import PAGE_SIZE
from harness.shmem.status import Status
from tests.probe.pair import Pair

VENDORS_FIGURE: Final = (128 << 20) // PAGE_SIZE
_ROUNDS: Final = 10_000
_MESSAGES: Final = 100_000


@pytest.mark.parametrize("pages", [4096, 6077, VENDORS_FIGURE])
def test_both_guests_see_all_of_a_large_region(placed_pair: Pair, pages: int) -> None:
    one, two = placed_pair.one, placed_pair.two
    ours, theirs = one.attach("large", pages), two.attach("large", 1)
    assert (ours.status, ours.size, theirs.status, theirs.size) == (Status.OK, pages, Status.OK, pages)
    last = (pages - 1) * PAGE_SIZE
    for number, offset in enumerate((0, pages // 2 * PAGE_SIZE, last)):
        one.fill(offset, PAGE_SIZE, number)
        assert two.verify(offset, PAGE_SIZE, number).mismatches == 0
        two.fill(offset, PAGE_SIZE, number + 100)
        assert one.verify(offset, PAGE_SIZE, number + 100).mismatches == 0


def test_after_a_detach_nothing_of_a_large_region_is_left(placed_pair: Pair) -> None:
    one, two = placed_pair.one, placed_pair.two
    ours, theirs = one.attach("large", VENDORS_FIGURE), two.attach("large", VENDORS_FIGURE)
    assert ours.shmem is not None
    last = (VENDORS_FIGURE - 1) * PAGE_SIZE
    two.fill(last, PAGE_SIZE, 7)
    assert two.verify(last, PAGE_SIZE, 7).mismatches == 0
    one.detach(ours.handle)
    left = one.scan_physical(ours.shmem + PAGE_SIZE + last, PAGE_SIZE)
    assert (left.words, left.zero) == (PAGE_SIZE // 8, PAGE_SIZE // 8)
    assert two.verify(last, PAGE_SIZE, 7, handle=theirs.handle).mismatches == 0


def test_a_guest_has_several_large_regions_and_many_small_ones(placed_pair: Pair) -> None:
    one = placed_pair.one
    large = [one.attach(f"large{number}", VENDORS_FIGURE) for number in range(4)]
    small = [one.attach(f"small{number}", 4095) for number in range(16)]
    made = [*large, *small]
    assert [attachment.status for attachment in made] == [Status.OK] * len(made)
    for number, attachment in enumerate(made):
        one.fill((attachment.size - 1) * PAGE_SIZE, PAGE_SIZE, number, handle=attachment.handle)
    for number, attachment in enumerate(made):
        checked = one.verify((attachment.size - 1) * PAGE_SIZE, PAGE_SIZE, number, handle=attachment.handle)
        assert checked.mismatches == 0, number


@pytest.mark.parametrize("placed_pair", [("aarch64", "mmio"), ("x86_64", "mmio")], ids="-".join, indirect=True)
def test_the_memory_of_a_memory_mapped_device_is_where_32_bits_reach(placed_pair: Pair) -> None:
    """Drivers of 32-bit systems keep its address in a word."""
    attachment = placed_pair.one.attach("far", VENDORS_FIGURE)
    assert attachment.shmem is not None
    assert attachment.shmem == placed_pair.one.factory().shmem
    assert 0 < attachment.shmem <= (1 << 32) - (1 + VENDORS_FIGURE) * PAGE_SIZE


@pytest.fixture
def listening(placed_pair: Pair) -> Pair:
    """Both guests are in a region of 128 MiB and take interrupts; guest one has index 0, guest two index 1."""
    how: IrqSource = "message" if (placed_pair.architecture, placed_pair.placement) == ("x86_64", "pci") else "pin"
    for probe in (placed_pair.one, placed_pair.two):
        assert probe.attach("large", VENDORS_FIGURE).status == Status.OK
        probe.irq_on(how)
    placed_pair.one.irq_wait(60)
    return placed_pair


@pytest.mark.long
def test_two_guests_exchange_a_hundred_thousand_messages_through_a_large_region(listening: Pair) -> None:
    one, two = listening.one, listening.two
    exchanged = 0
    while exchanged < _MESSAGES:
        place = exchanged * 1301 % VENDORS_FIGURE * PAGE_SIZE
        one.fill(place, PAGE_SIZE, exchanged)
        two.irq_serve(_ROUNDS)
        trips = one.pingpong(1, _ROUNDS)
        assert (trips.lost, trips.timing.count) == (False, _ROUNDS)
        assert two.verify(place, PAGE_SIZE, exchanged).mismatches == 0
        exchanged += 2 * _ROUNDS
