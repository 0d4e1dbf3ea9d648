# SPDX-License-Identifier: Apache-2.0
"""Sets of names as deterministic finite automata over bytes.

Most bytes lead to the same state as most others, so a state has explicit edges for a few bytes and one edge for all
others. An automaton has no bound on the length of a name; whoever walks it stops at the longest legal name.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

DEAD: Final = -1
"""The state from which nothing is accepted."""

BYTES: Final = frozenset(range(1, 256))
"""The bytes of a name; NUL ends it."""

EDGES: Final = 300_000
"""Edges of one automaton before the audit gives up on it: some seconds of work."""


class Entangled(Exception):
    """The automaton would have more states or edges than the limit."""


@dataclass(frozen=True, slots=True)
class Dfa:
    """State 0 is the start. ``edges`` has the bytes that do not follow the edge in ``others``."""

    edges: tuple[Mapping[int, int], ...]
    others: tuple[int, ...]
    accepting: tuple[bool, ...]

    def step(self, state: int, byte: int) -> int:
        """The state after one more byte."""
        return DEAD if state == DEAD else self.edges[state].get(byte, self.others[state])

    def accepts(self, name: bytes) -> bool:
        """Whether the set holds ``name``."""
        state = 0
        for byte in name:
            state = self.edges[state].get(byte, self.others[state])
            if state == DEAD:
                return False
        return self.accepting[state]

    @property
    def empty(self) -> bool:
        """Whether the set is empty; true of a minimal automaton only if it accepts nothing."""
        return not any(self.accepting)

    def universal(self, state: int) -> bool:
        """Whether a minimal automaton accepts every continuation of ``state``."""
        return self.accepting[state] and not self.edges[state] and self.others[state] == state


NOTHING: Final = Dfa(({},), (DEAD,), (False,))
EVERYTHING: Final = Dfa(({},), (0,), (True,))

S = TypeVar("S", bound=Hashable)
Moves = tuple[Mapping[int, S | None], S | None]
"""Where a state leads: explicit edges, and the edge of all other bytes. None is the dead state."""


def explore(start: S, moves: Callable[[S], Moves[S]], accepts: Callable[[S], bool], limit: int) -> Dfa:
    """The minimal automaton of a machine that is given by its moves. Raises Entangled beyond ``limit`` states."""
    numbers: dict[S, int] = {start: 0}
    waiting = [start]
    edges: list[dict[int, int]] = []
    others: list[int] = []
    accepting: list[bool] = []

    def number(state: S | None) -> int:
        if state is None:
            return DEAD
        found = numbers.setdefault(state, len(numbers))
        if found == len(waiting):
            if found >= limit:
                raise Entangled
            waiting.append(state)
        return found

    at = work = 0
    while at < len(waiting):
        state = waiting[at]
        at += 1
        explicit, other = moves(state)
        work += len(explicit) + 1
        if work > EDGES:
            raise Entangled
        accepting.append(accepts(state))
        others.append(number(other))
        edges.append({byte: number(target) for byte, target in explicit.items()})
    return minimal(Dfa(tuple(edges), tuple(others), tuple(accepting)))


def minimal(dfa: Dfa) -> Dfa:
    """The smallest automaton with the same names. Equal sets have equal minimal automata."""
    return _merged(dfa, _groups(dfa))


def _groups(dfa: Dfa) -> list[int]:
    """For each state the number of its group of equal states; DEAD where nothing is accepted.

    A group is split by where its states lead. The largest part keeps the number, so a state gets a new one seldom, and
    only states that lead to one with a new number are looked at again.
    """
    sources = _sources(dfa)
    groups = [
        int(accepts) if alive else DEAD for accepts, alive in zip(dfa.accepting, _living(dfa, sources), strict=True)
    ]
    members: dict[int, set[int]] = {}
    for state, group in enumerate(groups):
        if group != DEAD:
            members.setdefault(group, set()).add(state)
    changed = {state for group in members.values() for state in group}
    count = 2
    while changed:
        moved: list[int] = []
        by_group: dict[int, list[int]] = {}
        for state in changed:
            by_group.setdefault(groups[state], []).append(state)
        splits = [(group, _parts(dfa, groups, members[group], states)) for group, states in by_group.items()]
        for group, parts in splits:
            rest = members[group]
            for part in parts:
                rest.difference_update(part)
                for state in part:
                    groups[state] = count
                members[count] = set(part)
                moved += part
                count += 1
        changed = {source for state in moved for source in sources[state] if groups[source] != DEAD}
        changed = {state for state in changed if len(members[groups[state]]) > 1}
    return groups


def _parts(dfa: Dfa, groups: list[int], members: set[int], changed: list[int]) -> list[list[int]]:
    """The states of a group that have to leave it, by where they lead; the largest part stays.

    All members but the ``changed`` ones lead to the same groups.
    """
    parts: dict[object, list[int]] = {}
    for state in changed:
        parts.setdefault(_signature(dfa.edges[state], dfa.others[state], groups), []).append(state)
    same = len(members) - len(changed)
    if same:
        seen = set(changed)
        one = next(state for state in members if state not in seen)
        signature = _signature(dfa.edges[one], dfa.others[one], groups)
        if same >= max(map(len, parts.values())):
            parts.pop(signature, None)
            return list(parts.values())
        parts.setdefault(signature, []).extend(state for state in members if state not in seen)
    largest = max(parts, key=lambda key: len(parts[key]))
    del parts[largest]
    return list(parts.values())


def _sources(dfa: Dfa) -> list[list[int]]:
    """For each state those that lead to it."""
    sources: list[list[int]] = [[] for _ in dfa.others]
    for state, (edges, other) in enumerate(zip(dfa.edges, dfa.others, strict=True)):
        targets = set(edges.values())
        if len(edges) < len(BYTES):
            targets.add(other)
        for target in targets:
            if target != DEAD:
                sources[target].append(state)
    return sources


def _living(dfa: Dfa, sources: list[list[int]]) -> list[bool]:
    """For each state whether a name is accepted from it."""
    living = list(dfa.accepting)
    waiting = [state for state, alive in enumerate(living) if alive]
    while waiting:
        for source in sources[waiting.pop()]:
            if not living[source]:
                living[source] = True
                waiting.append(source)
    return living


def _signature(edges: Mapping[int, int], other: int, groups: list[int]) -> tuple[int, tuple[tuple[int, int], ...]]:
    """What tells a state from another, given the groups of its targets."""
    usual = DEAD if other == DEAD else groups[other]
    found = []
    for byte, target in edges.items():
        group = DEAD if target == DEAD else groups[target]
        if group != usual:
            found.append((byte, group))
    found.sort()
    if len(edges) == len(BYTES):
        # No byte follows the edge of the others, so the most frequent group takes its place.
        return _full_signature(edges, groups)
    return usual, tuple(found)


def _full_signature(edges: Mapping[int, int], groups: list[int]) -> tuple[int, tuple[tuple[int, int], ...]]:
    of = {byte: DEAD if target == DEAD else groups[target] for byte, target in edges.items()}
    counts: dict[int, int] = {}
    for group in of.values():
        counts[group] = counts.get(group, 0) + 1
    usual = min(counts, key=lambda group: (-counts[group], group))
    return usual, tuple(sorted((byte, group) for byte, group in of.items() if group != usual))


def _merged(dfa: Dfa, groups: list[int]) -> Dfa:
    """One state for each group that the start reaches, numbered in the order in which they are met."""
    if groups[0] == DEAD:
        return NOTHING
    member: dict[int, int] = {}
    for state, group in enumerate(groups):
        member.setdefault(group, state)
    numbers = {groups[0]: 0}
    order = [groups[0]]
    edges: list[dict[int, int]] = []
    others: list[int] = []

    def number(group: int) -> int:
        if group == DEAD:
            return DEAD
        if group not in numbers:
            numbers[group] = len(numbers)
            order.append(group)
        return numbers[group]

    at = 0
    while at < len(order):
        state = member[order[at]]
        at += 1
        usual, explicit = _signature(dfa.edges[state], dfa.others[state], groups)
        edges.append({byte: number(group) for byte, group in explicit})
        others.append(number(usual))
    accepting = tuple(dfa.accepting[member[group]] for group in order)
    return Dfa(tuple(edges), tuple(others), accepting)


def product(automata: Iterable[Dfa], accepts: Callable[[tuple[bool, ...]], bool], limit: int) -> Dfa:
    """The names about which ``accepts`` says yes, given which of the sets hold them. Raises Entangled.

    ``accepts`` must say no where no set holds the name.
    """
    parts = tuple(automata)

    def moves(states: tuple[int, ...]) -> Moves[tuple[int, ...]]:
        pairs = [(part, state) for part, state in zip(parts, states, strict=True) if state != DEAD]
        explicit = {byte for part, state in pairs for byte in part.edges[state]}

        def after(byte: int | None) -> tuple[int, ...] | None:
            targets = tuple(
                DEAD
                if state == DEAD
                else part.others[state]
                if byte is None
                else part.edges[state].get(byte, part.others[state])
                for part, state in zip(parts, states, strict=True)
            )
            return None if all(target == DEAD for target in targets) else targets

        return {byte: after(byte) for byte in explicit}, after(None)

    def accepting(states: tuple[int, ...]) -> bool:
        return accepts(
            tuple(state != DEAD and part.accepting[state] for part, state in zip(parts, states, strict=True))
        )

    return explore((0,) * len(parts), moves, accepting, limit)


def both(one: Dfa, other: Dfa, limit: int) -> Dfa:
    """The names in both sets. Raises Entangled."""
    return common((one, other), limit)


def common(automata: Iterable[Dfa], limit: int) -> Dfa:
    """The names in all of the sets. Raises Entangled."""
    parts = tuple(automata)
    if len(parts) == 1:
        return parts[0]

    def moves(states: tuple[int, ...]) -> Moves[tuple[int, ...]]:
        return moves_of_all(parts, states)

    def accepting(states: tuple[int, ...]) -> bool:
        return all(part.accepting[state] for part, state in zip(parts, states, strict=True))

    return explore((0,) * len(parts), moves, accepting, limit)


def moves_of_all(parts: Sequence[Dfa], states: Sequence[int]) -> Moves[tuple[int, ...]]:
    """Where several automata lead together while none of them is dead."""
    pairs = [(part.edges[state], part.others[state]) for part, state in zip(parts, states, strict=True)]
    narrow: list[Mapping[int, int]] = [edges for edges, other in pairs if other == DEAD]
    usual = None if narrow else tuple(other for _, other in pairs)
    # Where one of them goes on with a few bytes only, no other byte matters.
    explicit = min(narrow, key=len).keys() if narrow else {byte for edges, _ in pairs for byte in edges}
    moves: dict[int, tuple[int, ...] | None] = {}
    for byte in explicit:
        target = tuple([edges.get(byte, other) for edges, other in pairs])
        if DEAD not in target:
            moves[byte] = target
        elif usual is not None:
            moves[byte] = None
    return moves, usual


def either(automata: Iterable[Dfa], limit: int) -> Dfa:
    """The names in any of the sets. Raises Entangled."""
    parts = tuple(automata)
    return parts[0] if len(parts) == 1 else product(parts, any, limit)


def less(one: Dfa, other: Dfa, limit: int) -> Dfa:
    """The names in the first set and not in the other. Raises Entangled."""

    def moves(states: tuple[int, int]) -> Moves[tuple[int, int]]:
        edges, usual = one.edges[states[0]], one.others[states[0]]
        # Where the first set goes on with a few bytes only, no other byte matters.
        explicit = edges if usual == DEAD or states[1] == DEAD else edges.keys() | other.edges[states[1]].keys()
        found = {byte: after(edges.get(byte, usual), other.step(states[1], byte)) for byte in explicit}
        return found, after(usual, DEAD if states[1] == DEAD else other.others[states[1]])

    def after(target: int, without: int) -> tuple[int, int] | None:
        return None if target == DEAD else (target, without)

    def accepting(states: tuple[int, int]) -> bool:
        return one.accepting[states[0]] and not (states[1] != DEAD and other.accepting[states[1]])

    return explore((0, 0), moves, accepting, limit)


def restricted(dfa: Dfa, legal: frozenset[int], *, dot: bool = True, empty: bool = True) -> Dfa:
    """The names of legal bytes; without ``dot`` those with a leading dot are left out, without ``empty`` the empty."""
    if legal == BYTES and dot and (empty or not dfa.accepting[0]):
        return dfa
    illegal = dict.fromkeys(BYTES - legal, DEAD)
    first = dict(dfa.edges[0]) | illegal
    if not dot:
        first[ord(".")] = DEAD
    # The start may be met again inside a name, where a dot is no leading one: it gets a copy of its own in front.
    edges = [{byte: _shifted(target) for byte, target in explicit.items()} for explicit in (first, *dfa.edges)]
    for explicit in edges[1:]:
        explicit.update(illegal)
    others = tuple(_shifted(target) for target in (dfa.others[0], *dfa.others))
    return minimal(Dfa(tuple(edges), others, (dfa.accepting[0] and empty, *dfa.accepting)))


def _shifted(target: int) -> int:
    return DEAD if target == DEAD else target + 1


def shorter(dfa: Dfa, longest: int, limit: int, *, cut: bool = False) -> Dfa:
    """The names of at most ``longest`` bytes; with ``cut`` the longer ones, too, without what is beyond.

    ``dfa`` is minimal. Raises Entangled.
    """

    def moves(at: tuple[int, int]) -> Moves[tuple[int, int]]:
        state, length = at
        if length == longest:
            return {}, None

        def after(target: int) -> tuple[int, int] | None:
            return None if target == DEAD else (target, length + 1)

        return {byte: after(target) for byte, target in dfa.edges[state].items()}, after(dfa.others[state])

    # In a minimal automaton every state leads to a name, so whatever is met at the longest length is the start of one.
    return explore((0, 0), moves, lambda at: dfa.accepting[at[0]] or (cut and at[1] == longest), limit)


def single(name: bytes) -> Dfa:
    """The set of one name."""
    edges = (*({byte: at + 1} for at, byte in enumerate(name)), {})
    return Dfa(edges, (DEAD,) * len(edges), (False,) * len(name) + (True,))


def beginning_with(start: bytes) -> Dfa:
    """The names that begin with ``start``."""
    edges = (*({byte: at + 1} for at, byte in enumerate(start)), {})
    return Dfa(edges, (DEAD,) * len(start) + (len(start),), (False,) * len(start) + (True,))
