# SPDX-License-Identifier: Apache-2.0
"""All possible names, sorted by which of several sets hold them.

The sets are walked together. Names that the same sets hold form an *atom*; each atom has a shortest name as its
witness. What can be asked about a system (who meets whom, what a policy forbids, what changed) is a question about
atoms, so an answer covers every name and comes with an example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.audit.names.dfa import BYTES, DEAD, Dfa, Entangled

JOINT_STATES: Final = 400_000
"""States of the joint walk before the audit gives up on it."""

Members = frozenset[int]
"""Sets, by their place in the list, that hold a name."""

_READABLE: Final = b"abcdefghijklmnopqrstuvwxyz0123456789_-ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Atoms:
    """For each combination of sets that some name is in, the shortest such name."""

    witnesses: Mapping[Members, bytes]

    def holding(self, *wanted: int) -> Iterator[tuple[Members, bytes]]:
        """The atoms whose names are in all of the sets ``wanted``, short witnesses first."""
        found = [(members, name) for members, name in self.witnesses.items() if members.issuperset(wanted)]
        yield from sorted(found, key=lambda item: (len(item[1]), item[1]))


@dataclass(frozen=True, slots=True)
class _Joint:
    """Where the walk is: sets that hold every continuation, and the states in the other sets."""

    always: frozenset[int]
    live: tuple[tuple[int, int], ...]


class _Walk:
    def __init__(self, sets: Sequence[Dfa], letters: frozenset[int]) -> None:
        self._sets = sets
        self._letters = letters
        self._readable = [byte for byte in _READABLE if byte in letters]
        self._readable += sorted(letters - set(self._readable))

    def start(self) -> _Joint:
        return self._joint(frozenset(), ((number, 0) for number, dfa in enumerate(self._sets) if not dfa.empty))

    def _joint(self, always: frozenset[int], states: Iterator[tuple[int, int]]) -> _Joint:
        live, now = [], []
        for number, state in states:
            if self._sets[number].universal(state):
                now.append(number)
            else:
                live.append((number, state))
        return _Joint(always.union(now) if now else always, tuple(live))

    def members(self, joint: _Joint) -> Members:
        return joint.always.union(number for number, state in joint.live if self._sets[number].accepting[state])

    def following(self, joint: _Joint) -> Iterator[tuple[int, _Joint]]:
        """What the bytes lead to; of bytes that lead to the same, a readable one."""
        usual = {number: self._sets[number].others[state] for number, state in joint.live}
        unlike: dict[int, dict[int, int]] = {}
        for number, state in joint.live:
            for byte, target in self._sets[number].edges[state].items():
                if byte in self._letters:
                    unlike.setdefault(byte, {})[number] = target
        other = next((byte for byte in self._readable if byte not in unlike), None)
        if other is not None:
            yield other, self._joint(joint.always, self._alive(usual))
        for byte, targets in unlike.items():
            yield byte, self._joint(joint.always, self._alive(usual | targets))

    def _alive(self, states: Mapping[int, int]) -> Iterator[tuple[int, int]]:
        return ((number, state) for number, state in states.items() if state != DEAD)


def atoms(sets: Sequence[Dfa], longest: int, letters: frozenset[int] = BYTES, limit: int = JOINT_STATES) -> Atoms:
    """The atoms of ``sets`` over names of at most ``longest`` bytes out of ``letters``. Raises Entangled.

    Names that no set holds are left out.
    """
    walk = _Walk(sets, letters)
    start = walk.start()
    reached = {start: b""}
    witnesses: dict[Members, bytes] = {}
    front = [start]
    for length in range(longest + 1):
        following: list[_Joint] = []
        for joint in front:
            name = reached[joint]
            if members := walk.members(joint):
                witnesses.setdefault(members, name)
            for byte, after in walk.following(joint) if length < longest else ():
                if after not in reached:
                    if len(reached) >= limit:
                        raise Entangled
                    reached[after] = name + bytes([byte])
                    following.append(after)
        front = following
    return Atoms(witnesses)
