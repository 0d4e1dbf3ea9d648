# SPDX-License-Identifier: Apache-2.0
"""Guest-physical addresses of memory-mapped devices: where a factory page can be, and where the windows are put.

The first bank of a window is put below 4 GiB where that is possible, because clients keep its address in 32 bits; the
second bank is larger than anything there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from harness.arch import Arch
from harness.emulator.window import FIRST_BANK, LARGE_BANK, divided
from harness.shmem.registers import PAGE_SIZE


class Range(NamedTuple):
    """Addresses from ``first`` to ``last``, both among them."""

    first: int
    last: int


class Banks(NamedTuple):
    """The banks of one window: their addresses, and the slots of the first one."""

    first: int
    large: int
    slots: tuple[int, ...]


_MIB: Final = 1 << 20
_LAST_LOW: Final[dict[Arch, int]] = {"aarch64": 0x3EFE_FFFF, "x86_64": 0xAFFF_FFFF}
"""Where the machine's own devices begin, behind the addresses at which QEMU can have one of ours."""
_ARM_HOLE: Final = 0x1000_0000
_BARS: Final[dict[Arch, Range]] = {"aarch64": Range(0x1000_0000, 0x100F_FFFF)}
"""The addresses at which guests put the 32-bit BARs of PCI devices: Linux and others fill them from below."""
_FIRST_LOW: Final[dict[Arch, int]] = {"aarch64": 0x1010_0000, "x86_64": 0x8000_0000}
"""From where on first banks are put."""
_LOW_SIZES: Final = (256 * _MIB, 64 * _MIB, 32 * _MIB, 32 * _MIB, 8 * _MIB)
"""Sizes of the first banks below 4 GiB, by the number of the device; later ones have the last. They do not depend on
how many devices there are, so that a device keeps its addresses when another one is added behind it."""
_HIGH: Final[dict[Arch, int]] = {"aarch64": 0xF0_0000_0000, "x86_64": 0x58_0000_0000}
_LARGE: Final[dict[Arch, int]] = {"aarch64": 0xA0_0000_0000, "x86_64": 0x60_0000_0000}
"""Above whatever guests and firmware place themselves; a processor of either machine addresses 1 TiB."""


def hole(arch: Arch, ram_end: int) -> Range:
    """The addresses at which a factory page can be; a PC has nothing of its own from the end of its RAM on."""
    first = _ARM_HOLE if arch == "aarch64" else -(-ram_end // PAGE_SIZE) * PAGE_SIZE
    return Range(first, _LAST_LOW[arch])


def bars(arch: Arch) -> Range | None:
    """The part of the hole in which a guest with PCI devices puts their BARs."""
    return _BARS.get(arch)


def banks(arch: Arch, locs: Sequence[int]) -> list[Banks]:
    """The banks for devices whose factory pages are at these addresses, in their order."""
    taken = [Range(loc, loc + PAGE_SIZE - 1) for loc in locs]
    made = []
    for number in range(len(locs)):
        low = _free(arch, taken, _LOW_SIZES[min(number, len(_LOW_SIZES) - 1) :])
        first, slots = low or (_HIGH[arch] + number * sum(FIRST_BANK), FIRST_BANK)
        taken.append(Range(first, first + sum(slots) - 1))
        made.append(Banks(first, _LARGE[arch] + number * sum(LARGE_BANK), slots))
    return made


def _free(arch: Arch, taken: Sequence[Range], sizes: Sequence[int]) -> tuple[int, tuple[int, ...]] | None:
    """The lowest address for a bank below 4 GiB and its slots, of the first of these sizes for which there is one."""
    for size in sizes:
        start = -(-_FIRST_LOW[arch] // size) * size
        for at in range(start, _LAST_LOW[arch] + 2 - size, size):
            if all(at > one.last or at + size <= one.first for one in taken):
                return at, divided(size)
    return None
