# SPDX-License-Identifier: Apache-2.0
"""Which guest addresses a configuration gives to what, and where two entries want the same ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from harness.shmem.config import grammar
from harness.shmem.config.errors import ConfigError, Position
from harness.shmem.config.model import Context, Ram, Rom, Vdev, VmConfig
from harness.shmem.config.numbers import number
from harness.shmem.config.references import Location, Space, parse_location
from harness.shmem.config.variables import is_open

_PAGE = 4096
_MAX_PARTNERS = 8
_PORTS = {"8259": 2, "mc146818": 2, "pckeyboard": 8, "ser8250": 8, "timer8254": 4}
"""Vdevs whose plain ``loc`` is an x86 port, and how many ports they take."""


@dataclass(frozen=True)
class Range:
    """Addresses from ``start`` up to and without ``end``, and what they are given to.

    ``assumed``: no address is written, and ``start`` follows from where memory without one is taken to lie. The place
    of a vdev that is not ``understood`` may mean something else.
    """

    space: Space
    start: int
    end: int
    owner: str
    position: Position
    assumed: bool = False
    understood: bool = True

    def overlaps(self, other: Range) -> bool:
        """Whether an address is in both."""
        return self.space == other.space and self.start < other.end and other.start < self.end


def _memory_in_order(config: VmConfig) -> Iterator[tuple[str, Ram | Rom]]:
    roms = iter(sorted(config.roms, key=lambda rom: rom.rams_before))
    rom = next(roms, None)
    for index in range(len(config.rams) + 1):
        while rom is not None and rom.rams_before <= index:
            yield "rom", rom
            rom = next(roms, None)
        if index < len(config.rams):
            yield "ram", config.rams[index]


def memory(config: VmConfig) -> list[Range]:
    """Where RAM and ROM lie; an entry without an address follows the highest one before it ("ram").

    The first begins at 0. Behind an entry whose own place or size is not known, one without an address could be
    anywhere and is left out.
    """
    unknown = any(option.name in ("ram", "rom") for option in config.others)
    ranges: list[Range] = []
    top = 0
    for word, item in _memory_in_order(config):
        if item.address is None and unknown:
            continue
        start = top if item.address is None else item.address
        ranges.append(Range("mem", start, start + item.length, word, item.position, assumed=item.address is None))
        top = max(top, start + item.length)
    return ranges


def _numeric_location(text: str, position: Position) -> Location | None:
    """The location, or None when it is PCI or holds something whose value nothing here knows."""
    if is_open(text):
        return None
    try:
        location = parse_location(text, position)
    except ConfigError:
        return None
    return None if location.address is None else location


def _vdev_range(vdev: Vdev) -> Range | None:
    option = vdev.option("loc")
    location = None if option is None else _numeric_location(option.text, option.argument_position)
    if option is None or location is None or location.address is None:
        return None
    space: Space = location.space or ("io" if vdev.kind in _PORTS else "mem")
    size = _PORTS.get(vdev.kind, 1) if space == "io" else _PAGE
    return Range(
        space,
        location.address,
        location.address + size,
        f"vdev {vdev.kind}",
        option.position,
        understood=vdev.kind in grammar.VDEVS,
    )


def _pass_ranges(context: Context) -> Iterator[Range]:
    """Every ``loc`` of a ``pass`` counts; one without a length says nothing about where it ends."""
    for option in context.options:
        location = _numeric_location(option.text, option.argument_position) if option.name == "loc" else None
        if location is None or location.address is None:
            continue
        # What is no length, or has no one reading, is not understood, and the parser says so.
        with contextlib.suppress(ConfigError):
            length = number(location.rest.partition(",")[0], option.argument_position, "length of 'loc'")
            end = location.address + length
            yield Range(location.space or "mem", location.address, end, context.kind, option.position)


def devices(config: VmConfig) -> list[Range]:
    """Where the vdevs and the hardware that is passed through lie, as far as the text says."""
    vdevs = [found for vdev in config.vdevs if (found := _vdev_range(vdev)) is not None]
    return vdevs + [found for entry in config.contexts if entry.kind == "pass" for found in _pass_ranges(entry)]


def collisions(config: VmConfig) -> Iterator[tuple[Range, Range]]:
    """Pairs of entries that share an address, the later one of the text second.

    An entry that shares addresses with many is paired with some of them only, so that a text in which everything lies
    at one place has not more pairs than a person can read.
    """
    ranges = memory(config) + devices(config)
    order = sorted((one.start, one.end, index) for index, one in enumerate(ranges))
    pairs = []
    alive: dict[Space, list[tuple[int, int]]] = {"mem": [], "io": [], "pci": []}
    for start, end, index in order:
        here = alive[ranges[index].space]
        while here and here[0][0] <= start:
            heappop(here)
        pairs += [
            (min(index, other), max(index, other))
            for _, other in here[:_MAX_PARTNERS]
            if ranges[index].overlaps(ranges[other])
        ]
        heappush(here, (end, index))
    return ((ranges[one], ranges[two]) for one, two in sorted(pairs))
