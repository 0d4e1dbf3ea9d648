# SPDX-License-Identifier: Apache-2.0
"""Statements about all legal names at once: which combinations of matching rules occur, and a name for each.

The patterns of a list run side by side as state machines over classes of bytes that none of them tells apart, breadth
first and no further than a legal name is long. What is found is exact: a combination that is not in the result occurs
for no legal name.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.shmem.config import Rule
from harness.shmem.oracle.names import legal_bytes, longest
from harness.shmem.oracle.patterns import Pattern, Places, compile_pattern
from harness.shmem.profile import Profile

Matched = tuple[bool, ...]
"""For each rule of a list whether its pattern matches."""

_MAX_STATES = 20_000
_READABLE = (string.ascii_lowercase + string.digits + string.ascii_uppercase + "_-" + string.punctuation).encode()
_DOT = ord(".")

_State = tuple[Places, ...]


@dataclass(frozen=True)
class Coverage:
    """The combinations of matching rules that occur, each with the shortest name for which it does."""

    names: Mapping[Matched, str]


def _representatives(patterns: Sequence[Pattern], alphabet: frozenset[int]) -> list[int]:
    """One byte for each class that no pattern tells apart, a readable one where there is one."""
    sets = {element.allowed for pattern in patterns for element in pattern.elements}
    classes: dict[tuple[bool, ...], int] = {}
    readable_first = [byte for byte in _READABLE if byte in alphabet]
    for byte in (*readable_first, *sorted(alphabet.difference(readable_first))):
        classes.setdefault((byte == _DOT, *(byte in allowed for allowed in sets)), byte)
    return list(classes.values())


def _start_bytes(alphabet: list[int], profile: Profile) -> list[int]:
    return [byte for byte in alphabet if byte != _DOT or profile.name_leading_dot == "legal"]


class _Walk:
    """The walk over all states that names lead to."""

    def __init__(self, patterns: Sequence[Pattern], profile: Profile) -> None:
        self._patterns = patterns
        self._profile = profile
        self._alphabet = _representatives(patterns, legal_bytes(profile))
        self._steps: dict[tuple[int, Places, int], Places] = {}
        self._found: dict[Matched, bytes] = {}

    def _step(self, state: _State, byte: int, *, first: bool) -> _State:
        if first:
            return tuple(
                pattern.step(places, byte, first=True) for pattern, places in zip(self._patterns, state, strict=True)
            )
        following = []
        for index, places in enumerate(state):
            key = (index, places, byte)
            if key not in self._steps:
                self._steps[key] = self._patterns[index].step(places, byte, first=False)
            following.append(self._steps[key])
        return tuple(following)

    def _note(self, state: _State, name: bytes) -> None:
        matched = tuple(pattern.accepts(places) for pattern, places in zip(self._patterns, state, strict=True))
        self._found.setdefault(matched, name)

    def run(self) -> dict[Matched, bytes] | None:
        """Every combination with a name; None when there are more states than can be looked at."""
        start = tuple(pattern.start for pattern in self._patterns)
        if self._profile.name_empty == "legal":
            self._note(start, b"")
        level: dict[_State, bytes] = {}
        for byte in _start_bytes(self._alphabet, self._profile):
            level.setdefault(self._step(start, byte, first=True), bytes([byte]))
        seen: set[_State] = set()
        for _ in range(longest(self._profile)):
            following: dict[_State, bytes] = {}
            for state, name in level.items():
                seen.add(state)
                self._note(state, name)
                for byte in self._alphabet:
                    following.setdefault(self._step(state, byte, first=False), name + bytes([byte]))
            level = {state: name for state, name in following.items() if state not in seen}
            if len(seen) + len(level) > _MAX_STATES:
                return None
        return self._found


def coverage(rules: Sequence[Rule], profile: Profile) -> Coverage | None:
    """Which rules of a list can match together; None when the list is too entangled to look at all names."""
    found = _Walk([compile_pattern(rule.pattern, profile) for rule in rules], profile).run()
    if found is None:
        return None
    return Coverage({matched: name.decode("utf-8", "surrogateescape") for matched, name in found.items()})
