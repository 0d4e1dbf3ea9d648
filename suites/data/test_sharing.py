# SPDX-License-Identifier: Apache-2.0
"""Bytes that one guest writes into a region are read unchanged by the other."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from harness.shmem.registers import PAGE_SIZE

# On Linux guests too; there on PCI, where programs get memory of the right kind.
pytestmark = pytest.mark.only(guest_image=["probe", "linux"])

FREE = ("", "")
SIZES = {"4KiB": 1, "8KiB": 2, "64KiB": 16, "1MiB": 256, "4MiB": 1024}


@pytest.mark.parametrize("pages", SIZES.values(), ids=SIZES)
@pytest.mark.requirement("SHM-CTRL-05")
def test_whole_regions_are_read_unchanged_in_both_directions(deploy: Deploy, pages: int) -> None:
    """Every byte of the region is written by one guest and read by the other, in both directions."""
    left, right = (guest.attach("common", pages=pages) for guest in deploy(*FREE))
    assert (left.pages, right.pages) == (pages, pages)
    left.fill(seed=pages)
    assert right.differences(seed=pages) == 0
    right.fill(seed=pages + 1)
    assert left.differences(seed=pages + 1) == 0


@pytest.mark.requirement("SHM-CTRL-05")
def test_a_written_part_leaves_its_surroundings_alone(deploy: Deploy) -> None:
    """Offsets and lengths are odd, and cross a page boundary."""
    left, right = (guest.attach("common", pages=4) for guest in deploy(*FREE))
    left.fill(seed=1)
    offset, length = PAGE_SIZE - 3, 1001
    right.fill(seed=2, offset=offset, length=length)
    assert left.differences(seed=1, length=offset) == 0
    assert left.differences(seed=2, offset=offset, length=length) == 0
    assert left.differences(seed=1, offset=offset + length) == 0


@pytest.mark.requirement("SHM-CTRL-05")
def test_single_bytes_are_seen_at_once(deploy: Deploy) -> None:
    """The guests exchange single bytes at both ends of the region."""
    left, right = (guest.attach("common", pages=2) for guest in deploy(*FREE))
    last = 2 * PAGE_SIZE - 1
    for number in range(20):
        left.poke(0, bytes([number]))
        assert right.peek(0, 1) == bytes([number])
        right.poke(last, bytes([number ^ 0xFF]))
        assert left.peek(last, 1) == bytes([number ^ 0xFF])


@pytest.mark.requirement("SHM-CTRL-05")
def test_regions_of_other_names_are_other_bytes(deploy: Deploy) -> None:
    """Two regions at the same time, shared by the same two guests."""
    one, two = deploy(*FREE)
    first, second = one.attach("first", pages=4), one.attach("second", pages=4)
    first.fill(seed=1)
    second.fill(seed=2)
    assert [two.attach(name, pages=4).differences(seed=seed) for name, seed in (("first", 1), ("second", 2))] == [0, 0]
