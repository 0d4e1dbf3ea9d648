# SPDX-License-Identifier: Apache-2.0
"""Many names in one word of a probe's command (docs/probe.md, "Many names"; the guest's side is core/name_list.c).

An item is a name, or a rule that makes names out of one. Both sides make the same names in the same order, so that a
guest is told a rule and its client knows what was asked.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from harness.shmem.registers import NAME_SIZE

_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.*?[]/")


def encode_name(name: str | bytes) -> str:
    """A region name as one word of a command; text is taken as Latin-1, other bytes become %XX."""
    data = name.encode("latin-1") if isinstance(name, str) else name
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in data) or "%"


class NameItem(Protocol):
    """Names that have one short text."""

    @property
    def text(self) -> str:
        """The text that the guest gets."""

    def names(self) -> Iterator[bytes]:
        """What the guest makes of it."""


@dataclass(frozen=True)
class Name:
    """One name."""

    name: bytes

    @property
    def text(self) -> str:
        return encode_name(self.name)

    def names(self) -> Iterator[bytes]:
        yield self.name


Rule = Literal["any", "each", "flip", "drop", "twice", "swap", "insert", "cut", "grow"]

_Making = Callable[[bytes, int], Iterable[bytes]]
_RULES: Final[dict[Rule, _Making]] = {
    "any": lambda name, at: (name[:at] + bytes([value]) + name[at + 1 :] for value in range(256)),
    "each": lambda name, value: (name[:at] + bytes([value]) + name[at + 1 :] for at in range(len(name))),
    "flip": lambda name, bits: (name[:at] + bytes([name[at] ^ bits]) + name[at + 1 :] for at in range(len(name))),
    "drop": lambda name, _: (name[:at] + name[at + 1 :] for at in range(len(name))),
    "twice": lambda name, _: (name[: at + 1] + name[at:] for at in range(len(name))),
    "swap": lambda name, _: (
        name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :] for at in range(len(name) - 1)
    ),
    "insert": lambda name, value: (name[:at] + bytes([value]) + name[at:] for at in range(len(name) + 1)),
    "cut": lambda name, _: (name[:length] for length in range(len(name) + 1)),
    "grow": lambda name, value: (name + bytes([value]) * more for more in range(NAME_SIZE - len(name) + 1)),
}


@dataclass(frozen=True)
class Made:
    """Names that ``rule`` makes out of ``name``. Those that are longer than the name register are left out.

    ``value`` is the place of the byte for ``any``, the byte for ``each``, ``insert`` and ``grow``, bits for ``flip``.
    """

    rule: Rule
    name: bytes
    value: int | None = None

    @property
    def text(self) -> str:
        return f"{self.rule}:{encode_name(self.name)}" + ("" if self.value is None else f":{self.value}")

    def names(self) -> Iterator[bytes]:
        made = _RULES[self.rule](self.name, self.value or 0)
        return (name for name in made if len(name) <= NAME_SIZE)


@dataclass(frozen=True)
class Words:
    """Between ``first`` and ``last`` all words over ``letters`` of ``least`` to ``most`` letters, the shorter first."""

    letters: bytes
    least: int
    most: int
    first: bytes = b""
    last: bytes = b""

    @property
    def text(self) -> str:
        parts = (encode_name(part) for part in (self.first, self.letters, self.last))
        return f"words:{':'.join(parts)}:{self.least}:{self.most}"

    def names(self) -> Iterator[bytes]:
        for length in range(self.least, self.most + 1):
            for word in itertools.product(self.letters, repeat=length):
                yield self.first + bytes(word) + self.last


def frames(items: Iterable[NameItem], *, characters: int, names: int) -> Iterator[Sequence[NameItem]]:
    """The items in groups, each with a text of at most ``characters`` and at most ``names`` names.

    An item that has more by itself is a group of its own.
    """
    group: list[NameItem] = []
    room, left = characters, names
    for item in items:
        size, count = len(item.text) + 1, sum(1 for _ in item.names())
        if group and (size > room or count > left):
            yield group
            group, room, left = [], characters, names
        group.append(item)
        room -= size
        left -= count
    if group:
        yield group
