# SPDX-License-Identifier: Apache-2.0
"""Where devices in memory may be, drawn."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fixtures.bench import Bench
from fixtures.guest import Guest
from fixtures.settings import MmioLocation, MmioRange
from harness.shmem import boundaries
from harness.shmem.config import parse
from harness.shmem.config.memory_map import devices, memory
from harness.shmem.registers import PAGE_SIZE

MOST_IN_MEMORY = (6, 6, 17, 26)
"""Devices in memory of one guest, drawn."""
ALIGNMENTS = (12, 29)
"""Bits of the addresses of devices in memory that may be zeros."""
EDGES_OF_LINES = range(32, 1020, 32)
"""A GIC has registers of 32 lines each; those around their edges are drawn, and the first and the last free ones."""


def drawn_places(random: Random, bench: Bench) -> list[MmioLocation]:
    """Places for devices in memory, in any order: those that the bench has, or any at which they may be.

    They have other lines than those of the bench as well, if it says which are free. A guest with a device tree finds
    any number of devices.
    """
    places = random.sample(bench.config.mmio, len(bench.config.mmio))
    span, lines = bench.config.mmio_range, _drawn_lines(random, bench.config.free_lines)
    found_by_guest = "device-tree" in bench.config.features and bool(lines)
    if span is not None:
        count = min(random.choice(MOST_IN_MEMORY), len(lines)) if found_by_guest else len(places)
        addresses = _addresses(random, span, count)
        if found_by_guest:
            return [MmioLocation(one, f"gic:{line}") for one, line in zip(addresses, lines, strict=False)]
        return [replace(place, loc=one, window=None) for place, one in zip(places, addresses, strict=True)]
    if not found_by_guest:
        return places
    return [MmioLocation(one.loc, f"gic:{line}") for one, line in zip(places, lines, strict=False)]


def _drawn_lines(random: Random, free: range) -> list[int]:
    """Lines of those that are free, in any order."""
    if not free:
        return []
    near = boundaries.around(*EDGES_OF_LINES, free.start, free.stop - 1, least=free.start, most=free.stop - 1)
    others = sorted(set(free) - set(near))
    chosen = [*near, *random.sample(others, k=min(len(near), len(others)))]
    return random.sample(chosen, k=len(chosen))


def _addresses(random: Random, span: MmioRange, count: int) -> list[int]:
    """Pages of the range: at one of its ends, at multiples of powers of two, right beside these, beside one another."""
    ends = (span.first, span.last // PAGE_SIZE * PAGE_SIZE)
    found = [random.choice(ends)]
    while len(found) < count:
        size = 1 << random.randrange(*ALIGNMENTS)
        near = random.choice([*found, *ends, random.randrange(span.first, span.last + 1) // size * size])
        address = near + random.choice((-1, 0, 1)) * PAGE_SIZE
        if span.first <= address <= span.last and address not in found:
            found.append(address)
    return random.sample(found, count)


def taken(guest: Guest) -> list[range]:
    """Addresses of a guest at which no region can be, because something else is.

    RAM as its machine reports it, memory and devices of its configuration, and the factory pages.
    """
    config = parse(guest.configuration)
    there = [range(one.start, one.end) for one in (*memory(config), *devices(config)) if one.space == "mem"]
    ram = [range(one.address, one.address + one.size) for one in guest.probe.identify().ram]
    return [*there, *ram, *(range(device.factory, device.factory + PAGE_SIZE) for device in guest.devices())]
