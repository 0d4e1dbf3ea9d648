# SPDX-License-Identifier: Apache-2.0
"""What a restrictions list permits, as a set of names (User's Guide, "vdev shmem", ``allow`` and ``deny``).

Each reading of a list that mixes ``allow`` and ``deny`` is a first match in some order of its rules (SHM-OPEN-01), with
an implied rule behind them (SHM-OPEN-02). So a list is that order, and one state machine walks all its patterns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import takewhile
from typing import Final, assert_never

from harness.audit.names.dfa import EVERYTHING, NOTHING, Dfa, Entangled, Moves, explore
from harness.audit.names.patterns import Glob, glob_of
from harness.shmem.config import Rule
from harness.shmem.profile import Profile

PLACES: Final = 4_000_000
"""Places that are gone over for one list before the audit gives up on it: some seconds of work."""

Place = tuple[int, int]
"""A rule, counted in the order in which rules decide, and how far its pattern has been matched."""


@dataclass(frozen=True)
class RulesList:
    """Rules in the order in which they decide; ``permits_rest`` is what happens to a name that none of them matches."""

    rules: tuple[Rule, ...]
    globs: tuple[Glob, ...]
    permits_rest: bool

    def deciding(self, name: bytes) -> Rule | None:
        """The rule that decides about the name; None when it is the implied one."""
        one_name, folded, several = self._sorted
        first = min(one_name.get(name, len(self.rules)), folded.get(name.upper(), len(self.rules)))
        before = takewhile(lambda one: one[0] < first, several)
        place = next((number for number, glob in before if glob.matches(name)), first)
        return self.rules[place] if place < len(self.rules) else None

    @cached_property
    def _sorted(self) -> tuple[dict[bytes, int], dict[bytes, int], list[tuple[int, Glob]]]:
        """Where the first rule of each name stands, of each name in any case, and the patterns of several names."""
        one_name: dict[bytes, int] = {}
        folded: dict[bytes, int] = {}
        several = []
        for number, glob in enumerate(self.globs):
            if (only := glob.only) is not None:
                one_name.setdefault(only, number)
            elif (in_any_case := glob.folded) is not None:
                folded.setdefault(in_any_case, number)
            else:
                several.append((number, glob))
        return one_name, folded, several

    def permits(self, name: bytes) -> bool:
        """Whether the list permits the name."""
        rule = self.deciding(name)
        return self.permits_rest if rule is None else rule.kind == "allow"

    def permitted(self, limit: int) -> Dfa:
        """All names that the list permits, legal or not. Raises Entangled."""
        return _permitted(self, limit)


@lru_cache(maxsize=4096)
def _permitted(rules: RulesList, limit: int) -> Dfa:
    """As above; different readings often come to the same list."""
    if not rules.rules:
        return EVERYTHING if rules.permits_rest else NOTHING
    return _Walk(rules).dfa(limit)


def rules_list(rules: Sequence[Rule], profile: Profile) -> RulesList:
    """The list under ``profile``, which must accept it."""
    globs = {rule: glob_of(rule.pattern, profile) for rule in rules}
    if len({rule.kind for rule in rules}) > 1 and profile.mixed_rules in ("allow-only", "deny-only"):
        rules = [rule for rule in rules if f"{rule.kind}-only" == profile.mixed_rules]
    ordered = list(rules)
    match profile.mixed_rules:
        case "deny-wins":
            ordered.sort(key=lambda rule: rule.kind == "allow")
        case "last-match":
            ordered.reverse()
        case "most-specific":
            ordered.sort(key=lambda rule: (not globs[rule].exact, -globs[rule].literals))
        case "first-match" | "rejected" | "allow-only" | "deny-only":
            pass
        case reading:
            assert_never(reading)
    return RulesList(tuple(ordered), tuple(globs[rule] for rule in ordered), _permits_rest(rules, profile))


def _permits_rest(rules: Sequence[Rule], profile: Profile) -> bool:
    kinds = [rule.kind for rule in rules]
    if not kinds:
        return True
    if len(set(kinds)) == 1 or profile.mixed_tail == "first-kind":
        return kinds[0] == "deny"
    if profile.mixed_tail == "last-kind":
        return kinds[-1] == "deny"
    return profile.mixed_tail == "allow"


@dataclass(frozen=True)
class _State:
    """Places that can still matter, in the order of their rules; ``first`` before the first byte of a name."""

    places: tuple[Place, ...]
    first: bool = False


class _Walk:
    """The state machine of a list."""

    def __init__(self, rules: RulesList) -> None:
        self._rules = rules
        self._allows = [rule.kind == "allow" for rule in rules.rules]
        self._work = 0

    def dfa(self, limit: int) -> Dfa:
        """The minimal automaton of the permitted names."""
        start = _State(self._settled([(rule, 0) for rule in range(len(self._allows))], first=True), first=True)
        return explore(start, self._moves, self._accepts, limit)

    def _row(self, rule: int) -> int:
        return len(self._rules.globs[rule].row)

    def _settled(self, places: Sequence[Place], *, first: bool = False) -> tuple[Place, ...]:
        """The places with those behind repeated items, without those that cannot change a verdict any more."""
        self._work += len(places)
        if self._work > PLACES:
            raise Entangled
        found = set()
        for rule, place in places:
            row = self._rules.globs[rule].row
            found.add((rule, place))
            while place < len(row) and row[place].repeated:
                place += 1
                found.add((rule, place))
        ordered = sorted(found)
        return tuple(self._relevant(ordered) if not first else ordered)

    def _relevant(self, places: list[Place]) -> list[Place]:
        """Leave out what stands behind a rule that matches every continuation, and then what agrees with the end."""
        rest = self._rules.permits_rest
        kept: list[Place] = []
        decided: Place | None = None
        for rule, place in places:
            if decided is not None and rule != decided[0]:
                break
            row = self._rules.globs[rule].row
            if place == len(row) - 1 and row[place].anything:
                decided = (rule, place)
                rest = self._allows[rule]
                kept = [other for other in kept if other[0] != rule]
                break
            kept.append((rule, place))
        while kept and self._allows[kept[-1][0]] == rest:
            kept.pop()
        if decided is not None and rest != self._rules.permits_rest:
            kept.append(decided)
        return kept

    def _accepts(self, state: _State) -> bool:
        for rule, place in state.places:
            row = self._rules.globs[rule].row
            if place == len(row) or (place == len(row) - 1 and row[place].anything):
                return self._allows[rule]
        return self._rules.permits_rest

    def _moves(self, state: _State) -> Moves[_State]:
        by_byte: dict[int, list[Place]] = {}
        inverted: list[tuple[Place, frozenset[int]]] = []
        without_dot = []
        for rule, place in state.places:
            glob = self._rules.globs[rule]
            if place == len(glob.row):
                continue
            item = glob.row[place]
            target = (rule, place if item.repeated else place + 1)
            if state.first and not glob.leading_dot:
                without_dot.append(target)
            if item.inverted:
                inverted.append((target, item.members))
                for byte in item.members:
                    by_byte.setdefault(byte, [])
            else:
                for byte in item.members:
                    by_byte.setdefault(byte, []).append(target)
        if without_dot:
            by_byte.setdefault(ord("."), [])
        for byte, targets in by_byte.items():
            targets.extend(target for target, members in inverted if byte not in members)
            if byte == ord("."):
                for target in without_dot:
                    if target in targets:
                        targets.remove(target)
        other = self._state([target for target, _ in inverted])
        return {byte: self._state(targets) for byte, targets in by_byte.items()}, other

    def _state(self, places: Sequence[Place]) -> _State | None:
        settled = self._settled(places)
        return None if not settled and not self._rules.permits_rest else _State(settled)
