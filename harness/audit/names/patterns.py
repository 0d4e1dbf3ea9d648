# SPDX-License-Identifier: Apache-2.0
"""Patterns of ``allow`` and ``deny`` as rows of byte sets: User's Guide, "vdev shmem", as in shell file-name expansion.

Which characters are special, and what else the documents leave open, follows the profile (SHM-OPEN-04).
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from harness.audit.names.dfa import BYTES
from harness.shmem.profile import Profile


@dataclass(frozen=True, slots=True)
class Item:
    """A byte in ``members``, or with ``inverted`` any other; ``repeated``: any number of them.

    ``literal`` marks an ordinary character of the pattern.
    """

    members: frozenset[int]
    inverted: bool = False
    repeated: bool = False
    literal: bool = False

    def takes(self, byte: int) -> bool:
        """Whether the byte may stand here."""
        return (byte in self.members) is not self.inverted

    @property
    def anything(self) -> bool:
        """Whether any number of any bytes may stand here."""
        return self.repeated and self.inverted and not self.members


Row = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern. Without ``leading_dot`` a name that begins with a dot does not match."""

    row: Row
    leading_dot: bool

    @property
    def exact(self) -> bool:
        """Whether the pattern has no special character."""
        return all(item.literal for item in self.row)

    @property
    def only(self) -> bytes | None:
        """The one name that matches, None where several do or none."""
        if not all(len(item.members) == 1 and not item.inverted and not item.repeated for item in self.row):
            return None
        name = bytes(byte for item in self.row for byte in item.members)
        return name if self.matches(name) else None

    @property
    def folded(self) -> bytes | None:
        """The one name that matches in any case, in capital letters; None where there is no such name."""
        if not self.exact or self.only is not None:
            return None
        name = bytes(min(item.members) for item in self.row)
        cases = [frozenset((byte, *bytes([byte]).lower())) for byte in name]
        return name if cases == [item.members for item in self.row] else None

    @property
    def literals(self) -> int:
        """How many ordinary characters it has."""
        return sum(item.literal for item in self.row)

    def matches(self, name: bytes) -> bool:
        """Whether the whole name matches."""
        if name.startswith(b".") and not self.leading_dot:
            return False
        if name and self.row and not self.row[0].repeated and not self.row[0].takes(name[0]):
            return False
        reached = {0}
        for byte in name:
            reached = self._closed(reached)
            reached = {
                place if self.row[place].repeated else place + 1
                for place in reached
                if place < len(self.row) and self.row[place].takes(byte)
            }
            if not reached:
                return False
        return len(self.row) in self._closed(reached)

    def _closed(self, places: set[int]) -> set[int]:
        found = set(places)
        for place in places:
            while place < len(self.row) and self.row[place].repeated:
                place += 1
                found.add(place)
        return found


_CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(chr(code) for code in (*range(1, 0x20), 0x7F)),
    "digit": string.digits,
    "graph": "".join(chr(code) for code in range(0x21, 0x7F)),
    "lower": string.ascii_lowercase,
    "print": "".join(chr(code) for code in range(0x20, 0x7F)),
    "punct": string.punctuation,
    "space": " \t\n\v\f\r",
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}


def glob_of(pattern: str, profile: Profile) -> Glob:
    """The pattern under ``profile``."""
    return _glob(pattern, profile.pattern_syntax, profile.pattern_case, profile.pattern_slash, profile.pattern_dot)


@lru_cache(maxsize=1 << 16)
def _glob(pattern: str, syntax: str, case: str, slash: str, dot: str) -> Glob:
    row = tuple(_items(pattern.encode("utf-8", "surrogateescape"), syntax))
    if slash == "separator":
        row = tuple(item if item.literal else _without_slash(item) for item in row)
    begins_with_dot = bool(row) and row[0].literal and row[0].takes(ord("."))
    if case == "insensitive":
        row = tuple(_either_case(item) for item in row)
    return Glob(row, dot == "ordinary" or begins_with_dot)


def _without_slash(item: Item) -> Item:
    slash = frozenset(b"/")
    return replace(item, members=item.members | slash if item.inverted else item.members - slash)


def _either_case(item: Item) -> Item:
    raw = bytes(sorted(item.members))
    return replace(item, members=item.members | frozenset(raw.lower()) | frozenset(raw.upper()))


def _items(text: bytes, syntax: str) -> Iterator[Item]:
    at = 0
    while at < len(text):
        char = text[at : at + 1]
        if char == b"*":
            yield Item(frozenset(), inverted=True, repeated=True)
            at += 1
        elif char == b"?" and syntax != "star":
            yield Item(frozenset(), inverted=True)
            at += 1
        elif char == b"[" and syntax != "star" and (found := _bracket(text, at + 1, syntax == "glob-escape")):
            item, at = found
            yield item
        else:
            if char == b"\\" and syntax == "glob-escape" and at + 1 < len(text):
                at += 1
            yield Item(frozenset(text[at : at + 1]), literal=True)
            at += 1


def _bracket(text: bytes, at: int, escapes: bool) -> tuple[Item, int] | None:
    """The set behind a bracket at ``at`` and the place behind it; None when the bracket is never closed."""
    inverted = text[at : at + 1] in (b"!", b"^")
    start = at = at + inverted
    if text.find(b"]", start + 1) < 0:
        # Found out quickly, as a long text may have many brackets that nothing closes.
        return None
    members: set[int] = set()
    while at < len(text):
        if text[at : at + 1] == b"]" and at > start:
            return Item(frozenset(members) & BYTES, inverted), at + 1
        if named := _named_class(text, at):
            found, at = named
            members |= found
            continue
        low, at = _member(text, at, escapes)
        if text[at : at + 1] == b"-" and at + 1 < len(text) and text[at + 1 : at + 2] != b"]":
            high, at = _member(text, at + 1, escapes)
            members.update(range(low, high + 1))
        else:
            members.add(low)
    return None


def _named_class(text: bytes, at: int) -> tuple[frozenset[int], int] | None:
    if text[at : at + 2] != b"[:":
        return None
    end = text.find(b":]", at + 2)
    name = text[at + 2 : end].decode("latin-1")
    if end < 0 or any(char not in string.ascii_lowercase for char in name):
        return None
    return frozenset(_CLASSES.get(name, "").encode()), end + 2


def _member(text: bytes, at: int, escapes: bool) -> tuple[int, int]:
    if escapes and text[at : at + 1] == b"\\" and at + 1 < len(text):
        at += 1
    return text[at], at + 1
