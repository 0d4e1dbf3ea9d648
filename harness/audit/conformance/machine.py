# SPDX-License-Identifier: Apache-2.0
"""An automaton with all its states and classes of bytes, a way to each state, and what tells states apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from harness.audit.names.dfa import BYTES, DEAD, Dfa

_READABLE: Final = b"abcdefghijklmnopqrstuvwxyz0123456789_-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORDER: Final = (*_READABLE, *sorted(BYTES - set(_READABLE)))


@dataclass(frozen=True)
class Machine:
    """``targets[state][number]`` is where the bytes of ``classes[number]`` lead; state 0 is the start.

    The state from which no name is accepted is one of the states. A class begins with a readable byte if it has one;
    words are made of first bytes.
    """

    classes: tuple[bytes, ...]
    targets: tuple[tuple[int, ...], ...]
    accepting: tuple[bool, ...]

    @property
    def size(self) -> int:
        """The number of states."""
        return len(self.accepting)

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {members[0]: number for number, members in enumerate(self.classes)}

    def accepts_from(self, state: int, word: bytes) -> bool:
        """Whether a word of first bytes leads from a state to an accepting one."""
        for byte in word:
            state = self.targets[state][self._numbers[byte]]
        return self.accepting[state]

    @cached_property
    def cover(self) -> tuple[bytes, ...]:
        """A shortest word to each state."""
        words = {0: b""}
        front = [0]
        for state in front:
            for members, target in zip(self.classes, self.targets[state], strict=True):
                if target not in words:
                    words[target] = words[state] + members[:1]
                    front.append(target)
        return tuple(words[state] for state in range(self.size))

    @cached_property
    def identifiers(self) -> tuple[tuple[bytes, ...], ...]:
        """For each state suffixes that tell it from every other state.

        Any two states have a suffix in common about which they differ: a tree divides the set of all states, each inner
        node by what becomes of its suffix, and the suffixes of a state are those on the way to its leaf.
        """
        return _Tree(self).identifiers()


class _Tree:
    """``_paths`` has for each state the inner nodes on the way to it, and ``_suffixes`` the suffix of each node."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._paths: list[tuple[int, ...]] = [()] * machine.size
        self._suffixes: list[bytes] = []
        # States of one leaf have the same sides of the same nodes.
        self._leaves: list[list[int]] = [list(range(machine.size))]
        self._leaf = [0] * machine.size

    def identifiers(self) -> tuple[tuple[bytes, ...], ...]:
        if len(set(self._machine.accepting)) > 1:
            self._divide(0, b"")
        while True:
            found = [(leaf, suffix) for leaf in range(len(self._leaves)) if (suffix := self._parting(leaf)) is not None]
            if not found:
                return tuple(tuple(self._suffixes[node] for node in path) for path in self._paths)
            for leaf, suffix in found:
                self._divide(leaf, suffix)

    def _parting(self, leaf: int) -> bytes | None:
        """A short suffix that divides the states of a leaf, or None."""
        states = self._leaves[leaf]
        best: bytes | None = None
        if len(states) < 2:
            return None
        for number, members in enumerate(self._machine.classes):
            targets = {self._machine.targets[state][number] for state in states}
            if len({self._leaf[target] for target in targets}) > 1:
                suffix = members[:1] + self._suffixes[self._fork(targets)]
                if best is None or len(suffix) < len(best):
                    best = suffix
        return best

    def _fork(self, states: set[int]) -> int:
        """The deepest node that is on the way to all of the states, which are not all of one leaf."""
        paths = [self._paths[state] for state in states]
        common = min(map(len, paths))
        while any(path[:common] != paths[0][:common] for path in paths):
            common -= 1
        return paths[0][common - 1]

    def _divide(self, leaf: int, suffix: bytes) -> None:
        node = len(self._suffixes)
        self._suffixes.append(suffix)
        states = self._leaves[leaf]
        yes = [state for state in states if self._machine.accepts_from(state, suffix)]
        no = [state for state in states if state not in set(yes)]
        for state in states:
            self._paths[state] += (node,)
        self._leaves[leaf] = yes
        for state in no:
            self._leaf[state] = len(self._leaves)
        self._leaves.append(no)


def machine_of(dfa: Dfa) -> Machine:
    """The machine of a minimal automaton."""
    live = range(len(dfa.accepting))
    columns: dict[tuple[int, ...], bytearray] = {}
    for byte in _ORDER:
        columns.setdefault(tuple(dfa.step(state, byte) for state in live), bytearray()).append(byte)
    rows = [tuple(len(live) if column[state] == DEAD else column[state] for column in columns) for state in live]
    accepting = dfa.accepting
    if any(DEAD in column for column in columns):
        rows.append((len(live),) * len(columns))
        accepting = (*accepting, False)
    return Machine(tuple(map(bytes, columns.values())), tuple(rows), accepting)
