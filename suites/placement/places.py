# SPDX-License-Identifier: Apache-2.0
"""Where devices in memory may be, drawn."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fixtures.bench import Bench
from fixtures.settings import MmioLocation, MmioRange
from harness.shmem import boundaries
from harness.shmem.registers import PAGE_SIZE

MOST_IN_MEMORY = (6, 6, 20)
"""Devices in memory of one guest, drawn."""
ALIGNMENTS = (12, 29)
"""Bits of the addresses of devices in memory that may be zeros."""
GIC_LINES = boundaries.around(64, 96, 128, 160, 192, 224, 256, 280, least=64, most=287)


def drawn_places(random: Random, bench: Bench) -> list[MmioLocation]:
    """Places for devices in memory, in any order: those that the bench has, or any at which they may be.

    A GIC has other lines than those of the bench as well, and a guest with a device tree finds any number of devices.
    """
    places = random.sample(bench.config.mmio, len(bench.config.mmio))
    span = bench.config.mmio_range
    on_gic = "device-tree" in bench.config.features and bench.config.architecture == "aarch64"
    if span is not None:
        addresses = _addresses(random, span, random.choice(MOST_IN_MEMORY) if on_gic else len(places))
        if on_gic:
            return [MmioLocation(one, f"gic:{line}") for one, line in zip(addresses, _gic_lines(random), strict=False)]
        return [replace(place, loc=one, window=None) for place, one in zip(places, addresses, strict=True)]
    if not on_gic:
        return places
    return [MmioLocation(one.loc, f"gic:{line}") for one, line in zip(places, _gic_lines(random), strict=False)]


def _gic_lines(random: Random) -> list[int]:
    return random.sample(GIC_LINES, len(GIC_LINES))


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
