# SPDX-License-Identifier: Apache-2.0
"""Arguments that say where a device is and how it interrupts: ``loc``, ``intr``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from harness.shmem.config.errors import NOWHERE, ConfigError, Position
from harness.shmem.config.numbers import is_number, number
from harness.shmem.config.words import show

Space = Literal["mem", "io", "pci"]
_SPACES = get_args(Space)


@dataclass(frozen=True)
class Intr:
    """A guest interrupt: a controller and its line; a bare controller has None (local APIC, or a PCI device's).

    ``pin`` is a line that has a name, as of a controller that the harness does not know.
    """

    pic: str
    line: int | None = None
    position: Position = field(default=NOWHERE, compare=False)
    pin: str = ""

    def __str__(self) -> str:
        line = self.pin if self.line is None else str(self.line)
        return f"{self.pic}:{line}" if line else self.pic


@dataclass(frozen=True)
class Location:
    """A ``loc`` argument. ``address`` is None for PCI; ``space`` is None when the vdev's own default applies."""

    space: Space | None
    address: int | None
    rest: str = ""
    """What follows the address, without its comma: length and flags of ``pass loc``; all of it for PCI."""


def parse_intr(text: str, position: Position) -> Intr:
    """Take ``PIC:LINE`` or a bare ``PIC`` apart. Raises ConfigError."""
    pic, colon, line = text.partition(":")
    if not pic or (colon and not line):
        raise ConfigError(
            "not a guest interrupt", position, found=show(text), expected="PIC:LINE such as gic:43, or a bare PIC"
        )
    if colon and not is_number(line):
        return Intr(pic, None, position, line)
    return Intr(pic, number(line, position, "interrupt line") if colon else None, position)


def is_space(text: str) -> bool:
    """Whether ``text`` alone says in which space the address behind it is: ``loc io ADDR``."""
    return text in _SPACES


def looks_like_location(text: str) -> bool:
    """Whether ``text`` is meant as the argument of ``loc`` where that argument may be left out."""
    return text[:1].isdigit() or text[:1] == "$" or text.split(":", 1)[0] in _SPACES


def parse_location(text: str, position: Position) -> Location:
    """Take a ``loc`` argument apart. Raises ConfigError."""
    prefix, colon, rest = text.partition(":")
    space: Space | None = next((known for known in _SPACES if colon and known == prefix), None)
    if colon and space is None:
        raise ConfigError("unknown kind of location", position, found=show(text), expected="mem:, io: or pci:")
    body = rest if space else text
    if space == "pci":
        if not body:
            raise ConfigError("PCI location is empty", position, found=show(text), expected="pci:VID/DID or pci:B:D.F")
        return Location(space, None, body)
    address, _, tail = body.partition(",")
    return Location(space, number(address, position, "address of 'loc'"), tail)
