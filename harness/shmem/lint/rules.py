# SPDX-License-Identifier: Apache-2.0
"""Remarks on restrictions lists, decided over all legal names (see :mod:`harness.shmem.oracle.coverage`)."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence

from harness.shmem.config import Rule, RuleKind, ShmemVdev
from harness.shmem.config.variables import references
from harness.shmem.config.words import show
from harness.shmem.lint.findings import Warning_
from harness.shmem.oracle.coverage import Coverage, Matched, RuleMatcher, coverage
from harness.shmem.oracle.names import longest
from harness.shmem.oracle.patterns import compile_pattern
from harness.shmem.oracle.rules import Ranking, implied, is_mixed
from harness.shmem.profile import Profile

_READINGS = {
    "the first match decides": {"mixed_rules": "first-match", "mixed_tail": "deny"},
    "deny wins": {"mixed_rules": "deny-wins", "mixed_tail": "deny"},
    "the most specific pattern decides": {"mixed_rules": "most-specific", "mixed_tail": "deny"},
    "the implied rule is allow": {"mixed_rules": "first-match", "mixed_tail": "allow"},
}
_NAMED_RULES = 4
"""How many other rules a remark names."""


def _show(rule: Rule) -> str:
    return f"'{rule.kind} {rule.pattern}'"


def _where(rule: Rule) -> str:
    return f"line {rule.position.line}"


def check_rules(vdev: ShmemVdev, profile: Profile, matcher: RuleMatcher | None) -> Iterator[Warning_]:
    """Remarks on the restrictions list of ``vdev``; without a ``matcher`` the list is too entangled for one."""
    rules = vdev.rules
    if not rules:
        return
    yield from _dialect(rules)
    if all(rule.kind == "deny" for rule in rules):
        yield Warning_("note", rules[0].position, "the list only denies, so every other name is permitted", "deny-only")
    duplicates = _duplicates(rules)
    for index, first in duplicates.items():
        text = f"{_show(rules[index])} is given again, first in {_where(rules[first])}"
        yield Warning_("warning", rules[index].position, text, "duplicate-rule")
    if any(references(rule.pattern) for rule in rules):
        text = "the list holds variables without a value; the rules were not compared"
        yield Warning_("note", rules[0].position, text, "not-compared")
        return
    found = None if matcher is None else coverage(rules, profile, matcher)
    if found is None:
        text = "the patterns overlap in too many ways to look at all names; the rules were not compared"
        yield Warning_("note", rules[0].position, text, "not-compared")
        return
    yield from _compared(rules, found, duplicates, profile)


def _compared(
    rules: Sequence[Rule], found: Coverage, duplicates: dict[int, int], profile: Profile
) -> Iterator[Warning_]:
    """Remarks that follow from the combinations of rules that occur."""
    ranking = Ranking(rules, profile)
    deciding = {ranking.deciding(matched) for matched in found.combinations()}
    silent = [index for index in range(len(rules)) if index not in deciding and index not in duplicates]
    by = _decided_by(silent, found, ranking)
    kinds = _Kinds(rules, ranking)
    for index in silent:
        differs = implied(kinds.without(index), profile) != ranking.tail
        yield _unreachable(rules, index, by.get(index), profile, implied_differs=differs)
    spared = {*silent, *duplicates, *duplicates.values()}
    for index in _redundant(rules, found, spared, ranking, profile):
        text = f"every name is judged the same without {_show(rules[index])}"
        yield Warning_("warning", rules[index].position, text, "redundant-rule")
    if is_mixed(rules):
        yield _mixed(rules, found, profile)


def _dialect(rules: Sequence[Rule]) -> Iterator[Warning_]:
    for rule in rules:
        special = sorted({char for char in rule.pattern if char in "?[\\"})
        if special:
            text = f"{_show(rule)}: the manual names only '*'; what {' '.join(special)} mean is left open"
            yield Warning_("note", rule.position, text, "pattern-dialect")


def _duplicates(rules: Sequence[Rule]) -> dict[int, int]:
    """Rules that stand in the list before, with the index of the first."""
    first: dict[Rule, int] = {}
    return {index: first[rule] for index, rule in enumerate(rules) if first.setdefault(rule, index) < index}


def _decided_by(silent: Sequence[int], found: Coverage, ranking: Ranking) -> dict[int, set[int]]:
    """For each silent rule that can match at all the rules that decide about what it matches."""
    by: dict[int, set[int]] = {}
    wanted = set(silent)
    for matched in found.combinations():
        decides = ranking.deciding(matched)
        for index in wanted.intersection(matched):
            others = by.setdefault(index, set())
            if decides is not None:
                others.add(decides)
    return by


class _Kinds:
    """Which rules of a list are left, as far as the implied rule depends on it."""

    def __init__(self, rules: Sequence[Rule], ranking: Ranking) -> None:
        self._rules = rules
        self._considered = ranking.considered
        self._left = sorted(ranking.considered)
        self._gone: set[int] = set()
        self._counts: dict[RuleKind, int] = defaultdict(int)
        for index in self._left:
            self._counts[rules[index].kind] += 1

    def without(self, index: int) -> list[RuleKind]:
        """Kinds of a list that has the same implied rule as this one without the rule ``index``.

        The first, the last and which kinds there are is all that counts.
        """
        counts = dict(self._counts)
        if index in self._considered:
            counts[self._rules[index].kind] -= 1
        first = next((item for item in self._left if item not in self._gone and item != index), None)
        last = next((item for item in reversed(self._left) if item not in self._gone and item != index), None)
        if first is None or last is None:
            return []
        between = [kind for kind, count in counts.items() if count]
        return [self._rules[first].kind, *between, self._rules[last].kind]

    def remove(self, index: int) -> None:
        """Leave the rule out from now on."""
        self._gone.add(index)
        if index in self._considered:
            self._counts[self._rules[index].kind] -= 1
        while self._left and self._left[-1] in self._gone:
            self._left.pop()


def _redundant(
    rules: Sequence[Rule], found: Coverage, spared: set[int], ranking: Ranking, profile: Profile
) -> list[int]:
    """Rules that can go one after the other, the last first, without a change of any verdict; ``spared`` ones stay.

    Each combination remembers which of its rules decides among those that are left, so that a rule is compared with
    the combinations that it decides and with no others.
    """
    orders = [
        sorted((i for i in matched if i in ranking.rank), key=ranking.rank.__getitem__)
        for matched in found.combinations()
    ]
    at = [0] * len(orders)
    decided: dict[int, list[int]] = defaultdict(list)
    for number, order in enumerate(orders):
        if order:
            decided[order[0]].append(number)
    implied_for_some = any(not order for order in orders)
    kinds = _Kinds(rules, ranking)
    gone: set[int] = set()
    for index in reversed(range(len(rules))):
        if index in spared or index not in ranking.considered or len(ranking.considered) - len(gone) == 1:
            continue
        tail = kinds.without(index)
        if implied_for_some and implied(tail, profile) != ranking.tail:
            continue
        after = {number: _next(orders[number], at[number], gone, index) for number in decided[index]}
        kinds_after = {
            rules[orders[number][place]].kind if place >= 0 else ranking.tail for number, place in after.items()
        }
        if any(place < 0 for place in after.values()) and implied(tail, profile) != ranking.tail:
            continue
        if kinds_after <= {rules[index].kind}:
            gone.add(index)
            kinds.remove(index)
            decided.pop(index, None)
            for number, place in after.items():
                at[number] = place
                if place >= 0:
                    decided[orders[number][place]].append(number)
                else:
                    implied_for_some = True
    return sorted(gone)


def _next(order: Sequence[int], place: int, gone: set[int], index: int) -> int:
    """Where the rule stands that decides when ``index``, which does so at ``place``, goes too; -1 for none."""
    for following in range(place, len(order)):
        if order[following] not in gone and order[following] != index:
            return following
    return -1


def _unreachable(
    rules: Sequence[Rule], index: int, others: set[int] | None, profile: Profile, *, implied_differs: bool
) -> Warning_:
    """``others`` decide about what the rule matches; None: it matches nothing."""
    rule = rules[index]
    if others is None:
        shortest = compile_pattern(rule.pattern, profile).shortest
        reason = (
            f"the shortest has {shortest} bytes, and at most {longest(profile)} fit"
            if shortest > longest(profile)
            else "no legal name looks like that"
        )
        return Warning_("warning", rule.position, f"{_show(rule)} can never match: {reason}", "unreachable-rule")
    named = [f"{_show(rules[number])} ({_where(rules[number])})" for number in sorted(others)[:_NAMED_RULES]]
    if len(others) > _NAMED_RULES:
        named.append(f"{len(others) - _NAMED_RULES} more")
    by = " and ".join(named) if named else "other rules, as its kind is ignored"
    text = f"{_show(rule)} never decides: what it matches is decided by {by}"
    if implied_differs:
        text += f"; yet as the list holds {'an allow' if rule.kind == 'allow' else 'a deny'}, the implied rule differs"
    return Warning_("warning", rule.position, text, "unreachable-rule")


def _mixed(rules: Sequence[Rule], found: Coverage, profile: Profile) -> Warning_:
    """A list of both kinds, with a name about which the readings differ if there is one."""
    other = next(rule for rule in rules if rule.kind != rules[0].kind)
    text = "'allow' and 'deny' in one vdev: releases differ, and 7.1 and later ask for one kind"
    readings = {
        what: Ranking(rules, dataclasses.replace(profile, **reading))  # type: ignore[arg-type]
        for what, reading in _READINGS.items()
    }

    def outcomes(matched: Matched) -> dict[str, bool]:
        return {what: ranking.verdict(matched).allowed for what, ranking in readings.items()}

    # A name that some rule matches shows more than one that none does.
    for matched, name in sorted(found.names.items(), key=lambda item: not item[0]):
        results = outcomes(matched)
        if len(set(results.values())) > 1:
            base = results["the first match decides"]
            unlike = [what for what, allowed in results.items() if allowed != base]
            said = {True: "permitted", False: "refused"}
            text += (
                f"; {show(name)} is {said[base]} if the first match decides, {said[not base]} if {' or '.join(unlike)}"
            )
            break
    return Warning_("warning", other.position, text, "mixed-rules")
