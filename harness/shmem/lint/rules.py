# SPDX-License-Identifier: Apache-2.0
"""Remarks on restrictions lists, decided over all legal names (see :mod:`harness.shmem.oracle.coverage`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence

from harness.shmem.config import Rule, ShmemVdev
from harness.shmem.config.words import show
from harness.shmem.lint.findings import Warning_
from harness.shmem.oracle.coverage import Coverage, coverage
from harness.shmem.oracle.names import longest
from harness.shmem.oracle.patterns import compile_pattern
from harness.shmem.oracle.rules import is_mixed, verdict
from harness.shmem.profile import Profile

_READINGS = {
    "the first match decides": {"mixed_rules": "first-match", "mixed_tail": "deny"},
    "deny wins": {"mixed_rules": "deny-wins", "mixed_tail": "deny"},
    "the most specific pattern decides": {"mixed_rules": "most-specific", "mixed_tail": "deny"},
    "the implied rule is allow": {"mixed_rules": "first-match", "mixed_tail": "allow"},
}


def _show(rule: Rule) -> str:
    return f"'{rule.kind} {rule.pattern}'"


def _where(rule: Rule) -> str:
    return f"line {rule.position.line}"


def check_rules(vdev: ShmemVdev, profile: Profile) -> Iterator[Warning_]:
    """Remarks on the restrictions list of ``vdev``."""
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
    found = coverage(rules, profile)
    if found is None:
        text = "the patterns overlap in too many ways to look at all names; the rules were not compared"
        yield Warning_("note", rules[0].position, text, "not-compared")
        return
    silent = [index for index in _never_deciding(rules, found, profile) if index not in duplicates]
    for index in silent:
        yield _unreachable(rules, index, found, profile)
    for index in _redundant(rules, found, {*silent, *duplicates, *duplicates.values()}, profile):
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
    return {index: rules.index(rule) for index, rule in enumerate(rules) if rules.index(rule) < index}


def _never_deciding(rules: Sequence[Rule], found: Coverage, profile: Profile) -> list[int]:
    deciding = {verdict(rules, matched, profile).index for matched in found.names}
    return [index for index in range(len(rules)) if index not in deciding]


def _verdicts(rules: Sequence[Rule], kept: Sequence[int], found: Coverage, profile: Profile) -> list[bool]:
    """For each combination whether the kept rules permit it."""
    rest = [rules[index] for index in kept]
    return [verdict(rest, [matched[index] for index in kept], profile).allowed for matched in found.names]


def _redundant(rules: Sequence[Rule], found: Coverage, spared: Collection[int], profile: Profile) -> list[int]:
    """Rules that can go one after the other, the last first, without a change of any verdict; ``spared`` ones stay."""
    kept = list(range(len(rules)))
    wanted = _verdicts(rules, kept, found, profile)
    for index in reversed(range(len(rules))):
        without = [other for other in kept if other != index]
        # The last rule that is left states the intent, even if it is 'allow *'.
        if index not in spared and without and _verdicts(rules, without, found, profile) == wanted:
            kept = without
    return [index for index in range(len(rules)) if index not in kept]


def _unreachable(rules: Sequence[Rule], index: int, found: Coverage, profile: Profile) -> Warning_:
    rule = rules[index]
    matching = [matched for matched in found.names if matched[index]]
    if not matching:
        shortest = compile_pattern(rule.pattern, profile).shortest
        reason = (
            f"the shortest has {shortest} bytes, and at most {longest(profile)} fit"
            if shortest > longest(profile)
            else "no legal name looks like that"
        )
        return Warning_("warning", rule.position, f"{_show(rule)} can never match: {reason}", "unreachable-rule")
    deciding = {verdict(rules, matched, profile).index for matched in matching}
    others = [f"{_show(other)} ({_where(other)})" for number, other in enumerate(rules) if number in deciding]
    by = " and ".join(others) if others else "other rules, as its kind is ignored"
    text = f"{_show(rule)} never decides: what it matches is decided by {by}"
    kept = [other for other in range(len(rules)) if other != index]
    everything = _verdicts(rules, range(len(rules)), found, profile)
    if _verdicts(rules, kept, found, profile) != everything:
        text += f"; yet as the list holds {'an allow' if rule.kind == 'allow' else 'a deny'}, the implied rule differs"
    return Warning_("warning", rule.position, text, "unreachable-rule")


def _mixed(rules: Sequence[Rule], found: Coverage, profile: Profile) -> Warning_:
    """A list of both kinds, with a name about which the readings differ if there is one."""
    other = next(rule for rule in rules if rule.kind != rules[0].kind)
    text = "'allow' and 'deny' in one vdev: releases differ, and 7.1 and later ask for one kind"
    readings = {what: dataclasses.replace(profile, **readings) for what, readings in _READINGS.items()}  # type: ignore[arg-type]
    # A name that some rule matches shows more than one that none does.
    for matched, name in sorted(found.names.items(), key=lambda item: not any(item[0])):
        outcomes = {what: verdict(rules, matched, reading).allowed for what, reading in readings.items()}
        if len(set(outcomes.values())) > 1:
            base = outcomes["the first match decides"]
            unlike = [what for what, allowed in outcomes.items() if allowed != base]
            said = {True: "permitted", False: "refused"}
            text += (
                f"; {show(name)} is {said[base]} if the first match decides, {said[not base]} if {' or '.join(unlike)}"
            )
            break
    return Warning_("warning", other.position, text, "mixed-rules")
