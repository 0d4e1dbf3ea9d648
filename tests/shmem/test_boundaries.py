# SPDX-License-Identifier: Apache-2.0
"""Boundaries: both sides of each limit are there, and nothing that could not be."""

from __future__ import annotations

from harness.shmem.boundaries import (
    LARGEST_PAGES,
    LIST_LENGTHS,
    around,
    byte_counts,
    impossible_bytes,
    orders,
    page_counts,
    places,
)
from harness.shmem.registers import NAME_SIZE, PAGE_SIZE


def test_limits_and_their_neighbours_are_kept_as_far_as_they_are_possible() -> None:
    assert around(1, 8, least=1, most=8) == (1, 2, 7, 8)
    assert around(3, 4, least=0, most=99) == (2, 3, 4, 5)
    assert around(0, least=0, most=0) == (0,)


def test_sizes_lie_on_both_sides_of_every_power_of_two() -> None:
    sizes = page_counts()
    assert (sizes[0], sizes[-1]) == (1, LARGEST_PAGES)
    assert {255, 256, 257, 2047, 2048, 2049} <= set(sizes)
    assert list(sizes) == sorted(set(sizes))
    assert {0, 1, 15, 16, 17, 31, 32} <= set(byte_counts())
    assert byte_counts()[-1] == NAME_SIZE


def test_impossible_sizes_would_be_possible_if_their_upper_half_were_lost() -> None:
    assert all(size > 1 << 49 and size % PAGE_SIZE == 0 for size in impossible_bytes())
    assert {size % (1 << 32) // PAGE_SIZE for size in impossible_bytes()} >= {0, 1}
    assert 1 in {size % (1 << 31) // PAGE_SIZE for size in impossible_bytes() if size % (1 << 32) > 1 << 31}


def test_every_thing_stands_first_and_last_in_some_order() -> None:
    found = orders("abcd")
    assert all(sorted(order) == list("abcd") for order in found)
    assert {order[0] for order in found} == {order[-1] for order in found} == set("abcd")
    assert len(set(found)) == len(found)


def test_places_are_those_at_the_ends_and_in_the_middle() -> None:
    assert [places(count) for count in (1, 2, 3, 9)] == [(0,), (0, 1), (0, 1, 2), (0, 1, 4, 7, 8)]


def test_lists_are_longer_than_what_is_counted_in_a_byte() -> None:
    assert LIST_LENGTHS[0] == 1
    assert any(256 < length < 300 for length in LIST_LENGTHS)
