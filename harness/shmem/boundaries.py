# SPDX-License-Identifier: Apache-2.0
"""The values at which a device could change its mind: on both sides of every limit, of everything that is counted.

Suites take values from here instead of favourites of their own. Each function gives few values, the limits themselves
and their neighbours, because each costs a request or a line of a configuration.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from harness.shmem.registers import NAME_SIZE, PAGE_SIZE

LARGEST_PAGES: Final = 4095
"""Data pages of a region that fit behind its control page into 16 MiB."""

LIST_LENGTHS: Final = (1, 2, 3, 17, 65, 257, 1000)
"""Rules in a list: few, and one more than what is counted in a nibble, in six and in eight bits."""


def around(*limits: int, least: int, most: int) -> tuple[int, ...]:
    """The limits and their neighbours, as far as they are between ``least`` and ``most``, in order."""
    near = {value for limit in limits for value in (limit - 1, limit, limit + 1)}
    return tuple(sorted(value for value in near if least <= value <= most))


def powers(least: int, most: int) -> tuple[int, ...]:
    """The powers of two between ``least`` and ``most``."""
    return tuple(1 << bits for bits in range(most.bit_length()) if least <= 1 << bits <= most)


def page_counts(most: int = LARGEST_PAGES) -> tuple[int, ...]:
    """Sizes of a region in pages: around every power of two, and the largest."""
    return around(1, *powers(1, most), most, least=1, most=most)


def impossible_bytes() -> tuple[int, ...]:
    """Sizes in bytes beyond any memory. The lower 32 bits of each, or the lower 31, are nothing or a possible size."""
    return tuple((1 << 50) + lower for lower in (0, PAGE_SIZE, (1 << 31) + PAGE_SIZE))


def byte_counts(most: int = NAME_SIZE) -> tuple[int, ...]:
    """Lengths of a name, or of a part of one: around every power of two, and the longest."""
    return around(0, *powers(1, most), most, least=0, most=most)


def places(count: int) -> tuple[int, ...]:
    """Places of one thing in a row of ``count``: the first two, the middle and the last two."""
    return tuple(sorted({place for place in (0, 1, count // 2, count - 2, count - 1) if 0 <= place < count}))


def orders(things: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The things as they are, backwards, and with each of them first and last in turns."""
    row = tuple(things)
    found = {row: None, row[::-1]: None}
    for place in range(len(row)):
        found[row[place:] + row[:place]] = None
    return tuple(found)
