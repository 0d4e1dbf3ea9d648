# SPDX-License-Identifier: Apache-2.0
"""Patterns of ``allow`` and ``deny``: what the shell's file-name expansion makes of them, byte by byte.

Not :mod:`fnmatch`: that module folds case by platform, knows no escapes and no character classes, and cannot keep a
wildcard from '/'. A pattern becomes a row of elements, each a set of bytes, some of them repeatable; a set of positions
in that row is all the state that matching needs, and the same state machine answers questions about all names at once
(:mod:`harness.shmem.oracle.coverage`).
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from harness.shmem.profile import Profile

ALL_BYTES = frozenset(range(256))
_SLASH = frozenset(b"/")
_DOT = ord(".")

_SPECIAL = re.compile(rb"[*?[\\]")

_CLASS_LETTERS = string.ascii_lowercase.encode()
_CLASSES = {
    name: frozenset(members.encode("ascii"))
    for name, members in {
        b"alnum": string.ascii_letters + string.digits,
        b"alpha": string.ascii_letters,
        b"blank": " \t",
        b"cntrl": "".join(map(chr, [*range(32), 127])),
        b"digit": string.digits,
        b"graph": string.ascii_letters + string.digits + string.punctuation,
        b"lower": string.ascii_lowercase,
        b"print": string.ascii_letters + string.digits + string.punctuation + " ",
        b"punct": string.punctuation,
        b"space": " \t\n\r\v\f",
        b"upper": string.ascii_uppercase,
        b"xdigit": string.hexdigits,
    }.items()
}


def name_bytes(name: str) -> bytes:
    """The bytes of a name as a guest would write them into the register."""
    return name.encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Element:
    """A byte out of ``allowed``; ``repeated``: any number of them; ``literal``: a character of the pattern itself."""

    allowed: frozenset[int]
    repeated: bool = False
    literal: bool = False


Positions = frozenset[int]
"""Positions in a pattern's row of elements that a part of a name may have led to."""


@dataclass(frozen=True)
class Pattern:
    """A pattern as a row of elements. ``dot_explicit``: only a leading '.' of the pattern matches one of the name."""

    elements: tuple[Element, ...]
    dot_explicit: bool = False

    def _closure(self, positions: Iterable[int]) -> Positions:
        """``positions`` and those that are reached by repeating an element zero times."""
        reached = set()
        for position in positions:
            reached.add(position)
            while position < len(self.elements) and self.elements[position].repeated:
                position += 1
                reached.add(position)
        return frozenset(reached)

    @cached_property
    def start(self) -> Positions:
        """The positions before the first byte."""
        return self._closure([0])

    def step(self, positions: Positions, byte: int, *, first: bool) -> Positions:
        """The positions after one more byte of the name; ``first`` for its first byte."""
        if first and byte == _DOT and not self.may_begin_with_dot:
            return frozenset()
        following = []
        for position in positions:
            if position < len(self.elements) and byte in self.elements[position].allowed:
                following.append(position if self.elements[position].repeated else position + 1)
        return self._closure(following)

    @property
    def may_begin_with_dot(self) -> bool:
        """Whether a name that begins with a dot can be matched."""
        if not self.dot_explicit:
            return True
        return bool(self.elements) and self.elements[0].literal and _DOT in self.elements[0].allowed

    def accepts(self, positions: Positions) -> bool:
        """Whether a name that led to ``positions`` is matched when it ends there."""
        return len(self.elements) in positions

    def matches(self, name: bytes) -> bool:
        """Whether the whole of ``name`` is matched."""
        positions = self.start
        for index, byte in enumerate(name):
            positions = self.step(positions, byte, first=index == 0)
        return self.accepts(positions)

    @cached_property
    def exact(self) -> bool:
        """Whether the pattern has no metacharacter, so that it names one region."""
        return all(element.literal for element in self.elements)

    @property
    def name(self) -> bytes:
        """The region that an exact pattern names; in capital letters where case makes no difference."""
        return bytes([min(element.allowed) for element in self.elements])

    @property
    def specificity(self) -> tuple[bool, int]:
        """Larger is more specific: an exact pattern first, then the number of literal characters."""
        return self.exact, sum(element.literal for element in self.elements)

    @property
    def shortest(self) -> int:
        """Length in bytes of the shortest name that could match."""
        return sum(not element.repeated for element in self.elements)


def _folded(members: frozenset[int]) -> frozenset[int]:
    raw = bytes(members)
    return frozenset(raw.lower()) | frozenset(raw.upper()) | members


@lru_cache(maxsize=512)
def _literal(byte: int, folds: bool) -> Element:
    """The element of an ordinary character. Long lists are mostly made of these, so each is made once."""
    members = frozenset([byte])
    return Element(_folded(members) if folds else members, literal=True)


class _Reader:
    """Reads one pattern in a dialect: three fields of a profile."""

    def __init__(self, text: bytes, syntax: str, case: str, slash: str) -> None:
        self._text = text
        self._sets = syntax != "star"
        self._escapes = syntax == "glob-escape"
        self._folds = case == "insensitive"
        self._wild = ALL_BYTES - _SLASH if slash == "separator" else ALL_BYTES
        self._unclosed: set[int] = set()
        """Positions from which a set is known to be never closed, so that no text is gone over again and again."""

    def _fold(self, members: frozenset[int]) -> frozenset[int]:
        return _folded(members) if self._folds else members

    def _literal(self, byte: int) -> Element:
        return _literal(byte, self._folds)

    def elements(self) -> list[Element]:
        """The whole row."""
        row: list[Element] = []
        at = 0
        for match in _SPECIAL.finditer(self._text):
            if match.start() < at:
                continue
            row += self._literals(at, match.start())
            element, at = self._element(match.start())
            row.append(element)
        row += self._literals(at, len(self._text))
        return row

    def _literals(self, start: int, end: int) -> list[Element]:
        """Ordinary characters."""
        return [_literal(byte, self._folds) for byte in self._text[start:end]]

    def _element(self, at: int) -> tuple[Element, int]:
        char = self._text[at : at + 1]
        if char == b"*":
            return Element(self._wild, repeated=True), at + 1
        if char == b"?" and self._sets:
            return Element(self._wild), at + 1
        if char == b"[" and self._sets and (found := self._set(at + 1)) is not None:
            return found
        if char == b"\\" and self._escapes and at + 1 < len(self._text):
            return self._literal(self._text[at + 1]), at + 2
        return self._literal(self._text[at]), at + 1

    def _set(self, at: int) -> tuple[Element, int] | None:
        """The set that begins at ``at``, behind its bracket, and the position after it; None when it is not closed."""
        negated = self._text[at : at + 1] in (b"!", b"^")
        at += negated
        first = at
        members: set[int] = set()
        visited = []
        while at < len(self._text) and not (at > first and at in self._unclosed):
            if at > first:
                visited.append(at)
            if self._text[at : at + 1] == b"]" and at > first:
                folded = self._fold(frozenset(members))
                return Element((ALL_BYTES - folded if negated else folded) & self._wild), at + 1
            item, at = self._item(at)
            members |= item
        self._unclosed.update(visited)
        return None

    def _item(self, at: int) -> tuple[frozenset[int], int]:
        """One class, range or character of a set."""
        if self._text.startswith(b"[:", at) and (end := self._text.find(b":]", at + 2)) >= 0:
            name = self._text[at + 2 : end]
            # Anything else between the colons makes two ordinary characters of the bracket and the first colon.
            if not name.strip(_CLASS_LETTERS):
                return _CLASSES.get(name, frozenset()), end + 2
        low, at = self._character(at)
        if self._text[at : at + 1] == b"-" and self._text[at + 1 : at + 2] not in (b"]", b""):
            high, at = self._character(at + 1)
            return frozenset(range(low, high + 1)), at
        return frozenset([low]), at

    def _character(self, at: int) -> tuple[int, int]:
        if self._escapes and self._text[at : at + 1] == b"\\" and at + 1 < len(self._text):
            at += 1
        return self._text[at], at + 1


def compile_pattern(text: str, profile: Profile) -> Pattern:
    """The pattern ``text`` in the dialect of ``profile``."""
    return _compiled(text, profile.pattern_syntax, profile.pattern_case, profile.pattern_slash, profile.pattern_dot)


@lru_cache(maxsize=1 << 15)
def _compiled(text: str, syntax: str, case: str, slash: str, dot: str) -> Pattern:
    """As above; a key of these four is hashed faster than a whole profile."""
    elements = tuple(_Reader(name_bytes(text), syntax, case, slash).elements())
    return Pattern(elements, dot_explicit=dot == "explicit")
