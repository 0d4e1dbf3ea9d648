# SPDX-License-Identifier: Apache-2.0
"""Which guest addresses a configuration gives to what, and where two entries want the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from harness.shmem.config.errors import ConfigError, Position
from harness.shmem.config.model import Context, Ram, Rom, Vdev, VmConfig
from harness.shmem.config.numbers import is_number, number
from harness.shmem.config.references import Location, Space, parse_location

_PAGE = 4096
_PORTS = {"8259": 2, "mc146818": 2, "pckeyboard": 8, "ser8250": 8, "timer8254": 4}
"""Vdevs whose plain ``loc`` is an x86 port, and how many ports they take."""


@dataclass(frozen=True)
class Range:
    """Addresses from ``start`` up to and without ``end``, and what they are given to."""

    space: Space
    start: int
    end: int
    owner: str
    position: Position

    def overlaps(self, other: Range) -> bool:
        """Whether an address is in both."""
        return self.space == other.space and self.start < other.end and other.start < self.end


def _memory_in_order(config: VmConfig) -> Iterator[tuple[str, Ram | Rom]]:
    for index in range(len(config.rams) + 1):
        yield from (("rom", rom) for rom in config.roms if rom.rams_before == index)
        if index < len(config.rams):
            yield "ram", config.rams[index]


def memory(config: VmConfig) -> list[Range]:
    """Where RAM and ROM lie; an entry without an address follows the highest one before it ("ram")."""
    ranges: list[Range] = []
    top = 0
    for word, item in _memory_in_order(config):
        start = top if item.address is None else item.address
        ranges.append(Range("mem", start, start + item.length, word, item.position))
        top = max(top, start + item.length)
    return ranges


def _numeric_location(text: str, position: Position) -> Location | None:
    """The location, or None when it is PCI or holds a variable of the host, whose value nothing here knows."""
    try:
        location = parse_location(text, position)
    except ConfigError:
        return None
    return None if location.address is None else location


def _vdev_range(vdev: Vdev) -> Range | None:
    option = vdev.option("loc")
    location = None if option is None else _numeric_location(option.argument or "", option.argument_position)
    if option is None or location is None or location.address is None:
        return None
    space: Space = location.space or ("io" if vdev.kind in _PORTS else "mem")
    size = _PORTS.get(vdev.kind, 1) if space == "io" else _PAGE
    return Range(space, location.address, location.address + size, f"vdev {vdev.kind}", option.position)


def _pass_ranges(context: Context) -> Iterator[Range]:
    """Every ``loc`` of a ``pass`` counts; one without a length says nothing about where it ends."""
    for option in context.options:
        location = _numeric_location(option.argument or "", option.argument_position) if option.name == "loc" else None
        if location is None or location.address is None:
            continue
        length = location.rest.partition(",")[0]
        if is_number(length):
            end = location.address + number(length, option.argument_position, "length of 'loc'")
            yield Range(location.space or "mem", location.address, end, context.kind, option.position)


def devices(config: VmConfig) -> list[Range]:
    """Where the vdevs and the hardware that is passed through lie, as far as the text says."""
    vdevs = [found for vdev in config.vdevs if (found := _vdev_range(vdev)) is not None]
    return vdevs + [found for entry in config.contexts if entry.kind == "pass" for found in _pass_ranges(entry)]


def collisions(config: VmConfig) -> Iterator[tuple[Range, Range]]:
    """Pairs of entries that share an address, the later one of the text second."""
    return ((one, two) for one, two in combinations(memory(config) + devices(config), 2) if one.overlaps(two))
