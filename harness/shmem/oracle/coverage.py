# SPDX-License-Identifier: Apache-2.0
"""Statements about all legal names at once: which combinations of matching rules occur, and a name for each.

Patterns that name one region each are looked at one by one; the others run side by side as one state machine over
classes of bytes that they do not distinguish, breadth first, up to the length of a legal name. What is found is
exact: a combination that is not in the result occurs for no legal name.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.shmem.config import Rule
from harness.shmem.oracle.automaton import Automaton, Budget, BudgetSpent, State
from harness.shmem.oracle.names import illegality, legal_bytes, longest
from harness.shmem.oracle.patterns import Pattern, compile_pattern
from harness.shmem.profile import Profile

Matched = tuple[int, ...]
"""The rules of a list that match, by their index and in order."""

_SHORT_LIST = 64
"""Up to so many rules even names are patterns of the state machine, which needs no look at each name then."""
_SPARE = 200_000
_PER_BYTE = 8
_TRIES = 200
_READABLE = (string.ascii_lowercase + string.digits + string.ascii_uppercase + "_-" + string.punctuation).encode()
_DOT = ord(".")


@dataclass(frozen=True)
class Coverage:
    """The combinations of matching rules that occur, each with a short name for which it does.

    ``assumed`` are combinations that are taken to occur, as no name was found quickly and none can be ruled out.
    """

    names: Mapping[Matched, str]
    assumed: frozenset[Matched] = field(default=frozenset())

    def combinations(self) -> Iterator[Matched]:
        """All of them."""
        yield from self.names
        yield from self.assumed


def new_budget() -> Budget:
    """Steps for the lists of one configuration."""
    return Budget(_SPARE)


class RuleMatcher:
    """Which rules of a list match a name, for many names."""

    def __init__(self, rules: Sequence[Rule], profile: Profile, budget: Budget) -> None:
        self.profile = profile
        self.names: dict[bytes, list[int]] = {}
        """Indices of the rules that name one region, by its name."""
        self.patterns: list[int] = []
        compiled: list[Pattern] = []
        budget.share(sum(_PER_BYTE * (2 + len(rule.pattern)) for rule in rules))
        for index, rule in enumerate(rules):
            pattern = compile_pattern(rule.pattern, profile)
            if pattern.exact and len(rules) > _SHORT_LIST:
                self.names.setdefault(self.key(pattern.name), []).append(index)
            else:
                self.patterns.append(index)
                compiled.append(pattern)
        self.automaton = Automaton(compiled, profile, budget)

    def key(self, name: bytes) -> bytes:
        """The representative of all names that no rule distinguishes from ``name``."""
        return name.lower() if self.profile.pattern_case == "insensitive" else name

    def of_patterns(self, numbers: Sequence[int]) -> Matched:
        """The rules behind patterns of the state machine."""
        return tuple(self.patterns[number] for number in numbers)

    def matching(self, name: bytes) -> Matched:
        """The rules that match ``name``. Raises BudgetSpent."""
        named = self.names.get(self.key(name), ())
        return tuple(sorted((*named, *self.of_patterns(self.automaton.run(name).accepts))))


class _Walk:
    """The walk over all states that names lead to."""

    def __init__(self, matcher: RuleMatcher) -> None:
        self._matcher = matcher
        self._automaton = matcher.automaton
        self._profile = matcher.profile
        self._longest = longest(matcher.profile)
        legal = legal_bytes(matcher.profile)
        self._alphabet = [byte for byte in _READABLE if byte in legal]
        self._alphabet += sorted(legal.difference(self._alphabet))
        self._classes = self._partition()
        self._found: dict[Matched, bytes] = {}
        self._pending: dict[Matched, bytes] = {}

    def _partition(self) -> list[list[int]]:
        """Classes of bytes that no set of a pattern distinguishes; patterns' single bytes are no sets."""
        sets = {
            element.allowed
            for pattern in self._automaton.patterns
            for element in pattern.elements
            if len(element.allowed) != 1
        }
        self._automaton.budget.spend(len(sets) * 8)
        classes: dict[tuple[bool, ...], list[int]] = {}
        for byte in self._alphabet:
            classes.setdefault(tuple(byte in allowed for allowed in sets), []).append(byte)
        return list(classes.values())

    def _note(self, accepts: Sequence[int], name: bytes) -> None:
        matched = self._matcher.of_patterns(accepts)
        if matched in self._found:
            return
        if self._matcher.key(name) in self._matcher.names:
            # Other rules match this very name, so another name has to show the combination.
            self._pending.setdefault(matched, name)
        else:
            self._found[matched] = name

    def run(self) -> tuple[dict[Matched, bytes], set[Matched]]:
        """Combinations of patterns with a name that no other rule names, and those that none was found for."""
        start = self._automaton.start
        if self._profile.name_empty == "legal":
            self._note(start.accepts, b"")
        seen = {start}
        level = self._expanded([(start, b"")], seen)
        for _ in range(self._longest):
            for state, name in level:
                self._note(state.accepts, name)
            level = self._expanded([(state, name) for state, name in level if not self._ends(state, name)], seen)
            if not level:
                break
        return self._found, self._settled()

    def _expanded(self, level: list[tuple[State, bytes]], seen: set[State]) -> list[tuple[State, bytes]]:
        following = []
        for state, name in level:
            split = self._automaton.branches(state)
            self._automaton.budget.spend(1 + len(state.live))
            for byte in self._representatives(split, first=not name):
                after = self._automaton.follow(state, byte, split)
                if after not in seen:
                    seen.add(after)
                    following.append((after, name + bytes([byte])))
        return following

    def _representatives(self, split: dict[int, list[int]], *, first: bool) -> list[int]:
        """One byte for each class that the patterns distinguish here."""
        legal = self._automaton.legal
        singles = [byte for byte in split if byte in legal]
        chosen = set(singles)
        for members in self._classes:
            other = next((byte for byte in members if byte not in split and not (first and byte == _DOT)), None)
            if other is not None:
                chosen.add(other)
        if first:
            if self._profile.name_leading_dot == "legal":
                chosen.add(_DOT)
            else:
                chosen.discard(_DOT)
        return sorted(chosen, key=self._alphabet.index) if len(chosen) < 8 else list(chosen)

    def _ends(self, state: State, name: bytes) -> bool:
        """Whether nothing new can come behind ``state``; what does come is noted."""
        if not state.live:
            if len(state.accepts) > len(state.absorbed) and len(name) < self._longest:
                self._note(state.absorbed, name + bytes(self._alphabet[:1]))
            return True
        owner = self._automaton.owner
        only = owner[state.live[0]]
        if owner[state.live[-1]] != only or len(state.accepts) > len(state.absorbed):
            return False
        # One pattern is left, and it does not match yet: it will match a longer name, or never.
        completed = min(
            filter(None, (self._completion(only, position, name) for position in state.live)), key=len, default=None
        )
        if completed is not None:
            self._note(tuple(sorted((*state.absorbed, only))), completed)
        return True

    def _completion(self, number: int, position: int, name: bytes) -> bytes | None:
        """The shortest name that goes on from ``position`` and is matched, or None when none fits."""
        elements = self._automaton.patterns[number].elements[position - self._automaton.first[number] :]
        needed = [element for element in elements if not element.repeated]
        self._automaton.budget.spend(1 + len(needed))
        if len(name) + len(needed) > self._longest:
            return None
        rest = []
        for element in needed:
            allowed = element.allowed
            byte = next(iter(allowed)) if len(allowed) == 1 else next((b for b in self._alphabet if b in allowed), None)
            if byte is None or byte not in self._automaton.legal:
                return None
            rest.append(byte)
        return name + bytes(rest)

    def _settled(self) -> set[Matched]:
        """Look for names of the combinations that were seen only with a name that a rule of its own names."""
        assumed = set()
        for matched, name in self._pending.items():
            if matched in self._found:
                continue
            other = next((item for item in self._variations(name) if self._shows(matched, item)), None)
            if other is None:
                assumed.add(matched)
            else:
                self._found[matched] = other
        return assumed

    def _shows(self, matched: Matched, name: bytes) -> bool:
        return self._matcher.key(name) not in self._matcher.names and (
            self._matcher.of_patterns(self._automaton.run(name).accepts) == matched
        )

    def _variations(self, name: bytes) -> Iterator[bytes]:
        """Some names that are likely to be matched as ``name`` is."""
        tries = 0
        if len(name) < self._longest:
            for byte in self._alphabet[:8]:
                yield name + bytes([byte])
        for at in reversed(range(len(name))):
            for members in self._classes:
                for byte in members:
                    if at == 0 and (byte == _DOT or name[0] == _DOT):
                        continue
                    yield name[:at] + bytes([byte]) + name[at + 1 :]
                    tries += 1
                    if tries == _TRIES:
                        return


def coverage(rules: Sequence[Rule], profile: Profile, matcher: RuleMatcher | None = None) -> Coverage | None:
    """Which rules of a list can match together; None when the list is too entangled to look at all names.

    ``matcher`` is one for the same list and profile, if there is one already.
    """
    try:
        matcher = matcher or RuleMatcher(rules, profile, new_budget())
        found, assumed = _Walk(matcher).run()
        for name, indices in matcher.names.items():
            text = name.decode("utf-8", "surrogateescape")
            if illegality(text, profile) is None:
                matched = tuple(sorted((*indices, *matcher.of_patterns(matcher.automaton.run(name).accepts))))
                found.setdefault(matched, name)
                assumed.discard(matched)
    except BudgetSpent:
        return None
    return Coverage(
        {matched: name.decode("utf-8", "surrogateescape") for matched, name in found.items()}, frozenset(assumed)
    )
