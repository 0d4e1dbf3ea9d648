# SPDX-License-Identifier: Apache-2.0
"""Many patterns as one state machine, built as far as it is walked.

A state holds only what still lives: positions of patterns that can still match, and the patterns that match whatever
follows. So lists of names and of stems, however long, are a tree with few patterns below each branch, and the work
follows the size of the text. Work is counted, and :class:`Budget` ends it where patterns with several stars get
entangled.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.shmem.oracle.names import legal_bytes
from harness.shmem.oracle.patterns import Element, Pattern
from harness.shmem.profile import Profile

_DOT = ord(".")


class BudgetSpent(Exception):
    """More steps than are allowed."""


class Budget:
    """Steps that may still be taken. ``spare`` is shared: a list takes from it what its own share does not cover."""

    def __init__(self, spare: int) -> None:
        self.spare = spare
        self.own = 0
        self.spent = 0

    def share(self, own: int) -> None:
        """Begin another list, which may take ``own`` steps before it takes from the spare ones."""
        self.own = own

    def spend(self, steps: int) -> None:
        """Take steps. Raises BudgetSpent."""
        self.spent += steps
        self.own -= steps
        if self.own < 0:
            self.spare += self.own
            self.own = 0
            if self.spare < 0:
                self.spare = 0
                raise BudgetSpent


class State:
    """Where names of one kind lead to.

    ``live``: the positions that can go on; ``absorbed``: the patterns that match every continuation; ``accepts``: the
    patterns that match a name that ends here, the absorbed ones among them.
    """

    __slots__ = ("absorbed", "accepts", "following", "live")

    def __init__(self, live: tuple[int, ...], absorbed: tuple[int, ...], accepts: tuple[int, ...]) -> None:
        self.live = live
        self.absorbed = absorbed
        self.accepts = accepts
        self.following: dict[int, State] = {}


class Automaton:
    """The state machine of ``patterns``. Patterns and positions are numbers: in the list, and among all."""

    def __init__(self, patterns: Sequence[Pattern], profile: Profile, budget: Budget) -> None:
        self.patterns = patterns
        self.budget = budget
        self.legal = legal_bytes(profile)
        self._states: dict[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], State] = {}
        self.first: list[int] = []
        self.owner: list[int] = []
        self._elements: list[Element | None] = []
        """By position; None behind the last element of a pattern."""
        for number, pattern in enumerate(patterns):
            self.first.append(len(self.owner))
            self.owner.extend([number] * (len(pattern.elements) + 1))
            self._elements += [*pattern.elements, None]
        budget.spend(len(self.owner))
        self._absorbs = [
            bool(pattern.elements) and pattern.elements[-1].repeated and pattern.elements[-1].allowed >= self.legal
            for pattern in patterns
        ]
        start = self._state(self.first, (), first=True)
        # A state of its own, also where a name leads to the same positions again: only its first byte is a leading one.
        self.start = State(start.live, start.absorbed, start.accepts)

    def _state(self, reached: Sequence[int], absorbed: tuple[int, ...], *, first: bool = False) -> State:
        """The state of the given positions and what follows from them without a byte."""
        live: set[int] = set()
        taken = set(absorbed)
        accepts = set(absorbed)
        elements, owner = self._elements, self.owner
        for start in reached:
            number = owner[start]
            if number in taken:
                continue
            # Before the first byte nothing is certain for a pattern that a leading dot ends.
            absorbs = self._absorbs[number] and not (first and not self.patterns[number].may_begin_with_dot)
            position = start
            while (element := elements[position]) is not None:
                if absorbs and elements[position + 1] is None:
                    taken.add(number)
                    accepts.add(number)
                    break
                live.add(position)
                if not element.repeated:
                    break
                position += 1
            else:
                accepts.add(number)
        if len(taken) > len(absorbed):
            live = {position for position in live if owner[position] not in taken}
        key = (tuple(sorted(live)), tuple(sorted(taken)), tuple(sorted(accepts)))
        if key not in self._states:
            self._states[key] = State(*key)
        return self._states[key]

    def step(self, state: State, byte: int) -> State:
        """The state after one more byte of the name."""
        found = state.following.get(byte)
        if found is None:
            self.budget.spend(1 + len(state.live))
            found = self._advance(state, state.live, byte)
            state.following[byte] = found
        return found

    def _advance(self, state: State, positions: Sequence[int], byte: int) -> State:
        """The state that ``byte`` leads to, when only ``positions`` may go on with it."""
        reached = []
        leading_dot = state is self.start and byte == _DOT
        elements = self._elements
        for position in positions:
            element = elements[position]
            if element is None or byte not in element.allowed:
                continue
            if leading_dot and not self.patterns[self.owner[position]].may_begin_with_dot:
                continue
            reached.append(position if element.repeated else position + 1)
        return self._state(reached, state.absorbed)

    def branches(self, state: State) -> dict[int, list[int]]:
        """Positions that go on with exactly one byte each, by that byte; the rest is under -1."""
        split: dict[int, list[int]] = {-1: []}
        for position in state.live:
            element = self._elements[position]
            if element is not None and len(element.allowed) == 1:
                split.setdefault(next(iter(element.allowed)), []).append(position)
            else:
                split[-1].append(position)
        return split

    def follow(self, state: State, byte: int, split: dict[int, list[int]]) -> State:
        """Like :meth:`step`, with the help of :meth:`branches`: only the positions are looked at that may go on."""
        found = state.following.get(byte)
        if found is None:
            positions = split.get(byte, []) + split[-1]
            self.budget.spend(1 + len(positions))
            found = self._advance(state, positions, byte)
            state.following[byte] = found
        return found

    def run(self, name: bytes) -> State:
        """Where a whole name leads to."""
        state = self.start
        for byte in name:
            if not state.live:
                return State((), state.absorbed, state.absorbed)
            state = self.step(state, byte)
        return state
