# SPDX-License-Identifier: Apache-2.0
"""Names on both sides of what a pattern covers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from harness.shmem.name_lists import Made, Name, NameItem
from harness.shmem.oracle.names import legal_bytes, longest
from harness.shmem.oracle.patterns import compile_pattern
from harness.shmem.profile import Profile
from harness.shmem.registers import MAX_NAME_LENGTH, NAME_SIZE

_REPEATED: Final = (0, 1, 2, 5, 14, 15, 16)
"""How many characters a star may stand for in a name that is made for it."""

_CHARACTERS: Final = tuple(character.encode() for character in ("é", "€", "😀"))
"""Characters of two, three and four bytes: a pattern is about bytes."""

_STRANGE: Final = b"\0/.*[\\ "
"""Bytes that mean something elsewhere, to put in the place of others."""


@dataclass(frozen=True)
class Covered:
    """A name that a pattern covers, and the places of the bytes that are not characters of the pattern itself."""

    name: bytes
    special: tuple[int, ...]


def covered(random: Random, pattern: str, profile: Profile) -> Covered:
    """A legal name that the pattern covers; one of no relation to it when it covers none that is short enough."""
    legal = legal_bytes(profile)
    name, special = bytearray(), []
    for element in compile_pattern(pattern, profile).elements:
        choice = sorted(element.allowed & legal)
        if not choice:
            # A set that is empty covers nothing; the rest still makes a neighbour.
            continue
        for _ in range(random.choice(_REPEATED) if element.repeated else 1):
            if not element.literal:
                special.append(len(name))
            # Mostly the letters that patterns are made of, so that one pattern's name is near another one's.
            likely = [byte for byte in choice if byte in b"ab"] or choice
            name.append(random.choice(likely if random.random() < 0.7 else choice))
    kept = bytes(name[: longest(profile)])
    return Covered(kept, tuple(place for place in special if place < len(kept)))


def of_the_greatest_length(random: Random, name: bytes) -> Iterator[NameItem]:
    """The name made as long as a name can be, and its neighbours."""
    more = bytes(random.choice(b"ab") for _ in range(MAX_NAME_LENGTH - len(name)))
    yield Name(name + more)
    yield from (Made("flip", name + more, 1), Made("drop", name + more), Made("swap", name + more))


def with_every_value(random: Random, around: Covered) -> Iterator[NameItem]:
    """The name with every value of a byte that is not a character of the pattern itself, if there is one.

    And with characters of several bytes in the place of that byte.
    """
    if around.name:
        place = random.choice(around.special or range(len(around.name)))
        yield Made("any", around.name, place)
        for character in _CHARACTERS:
            name = around.name[:place] + character + around.name[place + 1 :]
            if len(name) <= MAX_NAME_LENGTH:
                yield Name(name)


def beside(random: Random, around: Covered) -> Iterator[NameItem]:
    """The name; each byte of it changed, left out, doubled, exchanged; and all lengths."""
    name = around.name
    if not name:
        yield Made("grow", name, ord("a"))
        return
    yield Name(name)
    yield from (Made("flip", name, 1), Made("flip", name, 0x20), Made("drop", name), Made("twice", name))
    yield from (Made("swap", name), Made("cut", name), Made("each", name, random.choice(_STRANGE)))
    yield from (Made("insert", name, ord(random.choice("ab*-"))), Made("grow", name, ord(random.choice("ab"))))
    yield Made("grow", b"", name[0]) if len(name) < NAME_SIZE else Made("cut", name)
