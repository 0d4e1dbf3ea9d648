# SPDX-License-Identifier: Apache-2.0
"""Whether two devices reach a common region, without building the set of all such regions.

The sets of both are walked together, up to the first name in both. A set here may hold names that only a guest-side
name beyond the longest one would give: that keeps its automaton small. So a name that is found is checked, and only
where the check fails the exact set takes its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from harness.audit.names.dfa import DEAD, Dfa, either, moves_of_all
from harness.audit.names.lists import RulesList
from harness.audit.names.reach import STATES, Mapping


@dataclass(frozen=True, slots=True)
class _Part:
    """A set of names; with ``cut`` longer ones count, too, without what is beyond the longest length."""

    names: Dfa
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Names:
    """The names in all of the parts, and some more by themselves."""

    parts: tuple[_Part, ...]
    more: tuple[bytes, ...] = ()

    def holds(self, name: bytes, longest: int) -> bool:
        """Whether the set has the name."""
        if name in self.more:
            return True
        return all(_accepts(part, _after(part.names, name), len(name) == longest) for part in self.parts)


def _after(names: Dfa, name: bytes) -> int:
    state = 0
    for byte in name:
        state = names.step(state, byte)
    return state


def _accepts(part: _Part, state: int, at_end: bool) -> bool:
    # In a minimal automaton every state leads to a name.
    return state != DEAD and (part.names.accepting[state] or (part.cut and at_end))


@dataclass(frozen=True)
class Side:
    """What one device may do: by its list, and by how its names become the host's.

    With several lists, which are those of several readings, it may do what any of them permits.
    """

    lists: tuple[RulesList, ...]
    mapping: Mapping

    def reaches(self, host_name: bytes) -> bool:
        """Whether a guest-side name was found that gives the region; False may be for want of finding it."""
        guest_name = self.mapping.source(self.mapping.guest_names_of_any_length(self._permitted), host_name)
        if guest_name is None or self.mapping.host_name(guest_name) != host_name:
            return False
        seen = guest_name if self.mapping.rules_first else host_name
        return guest_name in self.mapping.implied or any(rules.permits(seen) for rules in self.lists)

    @cached_property
    def _permitted(self) -> Dfa:
        return either([rules.permitted(STATES) for rules in self.lists], STATES)

    @cached_property
    def at_least(self) -> _Names:
        """The names that the device reaches, or more. Raises Entangled."""
        mapping = self.mapping
        if not mapping.names.replacements:
            return self.exactly
        image = mapping.names.image(mapping.guest_names_of_any_length(self._permitted), STATES)
        parts: tuple[_Part, ...] = (_Part(mapping.legal.filtered(image), mapping.truncates),)
        if not mapping.rules_first:
            parts += (_Part(self._permitted),)
        made = map(mapping.host_name, mapping.implied)
        return _Names(parts, tuple(name for name in made if name is not None))

    @cached_property
    def exactly(self) -> _Names:
        """The names that the device reaches. Raises Entangled."""
        return _Names((_Part(self.mapping.image(self._permitted)),))


def common_name(one: Side, other: Side) -> bytes | None:
    """A region that both reach, or None when there is none. Raises Entangled.

    Both are read under one profile.
    """
    longest = min(one.mapping.legal.longest, other.mapping.legal.longest)
    letters = one.mapping.legal.letters
    found = _shortest(one.at_least, other.at_least, longest, letters)
    if found is None or (one.reaches(found) and other.reaches(found)):
        return found
    return _shortest(one.exactly, other.exactly, longest, letters)


def _shortest(one: _Names, other: _Names, longest: int, letters: frozenset[int]) -> bytes | None:
    named = [name for name in one.more if other.holds(name, longest)]
    named += [name for name in other.more if one.holds(name, longest)]
    walked = _walk((*one.parts, *other.parts), longest, letters)
    found = [*named, *([] if walked is None else [walked])]
    return min(found, key=lambda name: (len(name), name), default=None)


def _walk(parts: tuple[_Part, ...], longest: int, letters: frozenset[int]) -> bytes | None:
    """The first name in all of the parts, by length."""
    automata = [part.names for part in parts]
    cuts = any(part.cut for part in parts)
    front: dict[tuple[int, ...], bytes] = {(0,) * len(parts): b""}
    seen = set(front)
    for length in range(longest + 1):
        following: dict[tuple[int, ...], bytes] = {}
        for states, name in front.items():
            if all(_accepts(part, state, length == longest) for part, state in zip(parts, states, strict=True)):
                return name
            for byte, target in _steps(automata, states, letters) if length < longest else ():
                if target not in following and (cuts or target not in seen):
                    following[target] = name + bytes([byte])
        # Where names are cut, what a state accepts depends on the length at which it is met.
        seen.update(() if cuts else following)
        front = following
    return None


def _steps(
    automata: list[Dfa], states: tuple[int, ...], letters: frozenset[int]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    explicit, usual = moves_of_all(automata, states)
    for byte, target in explicit.items():
        if target is not None and byte in letters:
            yield byte, target
    if usual is not None and DEAD not in usual:
        for byte in _readable(letters):
            if byte not in explicit:
                yield byte, usual
                break


@lru_cache(maxsize=8)
def _readable(letters: frozenset[int]) -> tuple[int, ...]:
    """The letters, those that are easy to read first."""
    return tuple(sorted(letters, key=lambda byte: (not chr(byte).isalnum() or byte > 0x7F, byte)))
