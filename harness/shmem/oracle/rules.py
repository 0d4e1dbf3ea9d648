# SPDX-License-Identifier: Apache-2.0
"""Which entry of a restrictions list decides about a name (User's Guide, "vdev shmem", restrictions list)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from harness.shmem.config import Rule, RuleKind
from harness.shmem.oracle.patterns import compile_pattern, name_bytes
from harness.shmem.profile import Profile

Implicit = Literal["deny *", "allow *"]


@dataclass(frozen=True)
class Verdict:
    """What a list says: by which of its rules, or by the rule that is implied at its end. Neither: no list at all."""

    allowed: bool
    index: int | None = None
    implicit: Implicit | None = None


def is_mixed(rules: Sequence[Rule]) -> bool:
    """Whether the list holds both kinds."""
    return len({rule.kind for rule in rules}) > 1


def _considered(rules: Sequence[Rule], profile: Profile) -> list[int]:
    """Indices of the rules that the profile does not ignore."""
    kept: set[RuleKind] = {"allow", "deny"}
    if is_mixed(rules):
        if profile.mixed_rules == "allow-only":
            kept = {"allow"}
        elif profile.mixed_rules == "deny-only":
            kept = {"deny"}
    return [index for index, rule in enumerate(rules) if rule.kind in kept]


def _priority(rule: Rule, index: int, profile: Profile) -> tuple[int | bool, ...]:
    """A key by which the rule that decides sorts first: every reading of a list is a first match in some order."""
    match profile.mixed_rules:
        case "deny-wins":
            return rule.kind != "deny", index
        case "last-match":
            return (-index,)
        case "most-specific":
            exact, literals = compile_pattern(rule.pattern, profile).specificity
            return not exact, -literals, index
        case "first-match" | "allow-only" | "deny-only" | "rejected":
            return (index,)
        case reading:
            assert_never(reading)


def implied(kinds: Sequence[RuleKind], profile: Profile) -> RuleKind:
    """The kind of the rule that is implied at the end of a list of these kinds; no list restricts nothing."""
    if not kinds:
        return "allow"
    if len(set(kinds)) == 1 or profile.mixed_tail == "first-kind":
        return "deny" if kinds[0] == "allow" else "allow"
    if profile.mixed_tail == "last-kind":
        return "deny" if kinds[-1] == "allow" else "allow"
    return profile.mixed_tail


def verdict(rules: Sequence[Rule], matched: Sequence[bool], profile: Profile) -> Verdict:
    """What a list says about a name whose matches with each rule are ``matched``; the list is taken as checked."""
    considered = _considered(rules, profile)
    if not considered:
        return Verdict(allowed=True)
    matching = [index for index in considered if matched[index]]
    if matching:
        index = min(matching, key=lambda index: _priority(rules[index], index, profile))
        return Verdict(rules[index].kind == "allow", index)
    tail = implied([rules[index].kind for index in considered], profile)
    return Verdict(tail == "allow", implicit="allow *" if tail == "allow" else "deny *")


def matches(rules: Sequence[Rule], name: str, profile: Profile) -> list[bool]:
    """For each rule whether its pattern matches ``name``."""
    raw = name_bytes(name)
    return [compile_pattern(rule.pattern, profile).matches(raw) for rule in rules]


class Ranking:
    """The verdicts of one list about many names: what :func:`verdict` says, from the rules that match alone.

    ``rank`` is the order in which the rules decide.
    """

    def __init__(self, rules: Sequence[Rule], profile: Profile) -> None:
        self.rules = rules
        self.considered = frozenset(_considered(rules, profile))
        order = sorted(self.considered, key=lambda index: _priority(rules[index], index, profile))
        self.rank = {index: place for place, index in enumerate(order)}
        kinds = [rules[index].kind for index in sorted(self.considered)]
        self.tail: RuleKind = implied(kinds, profile)

    def deciding(self, matching: Sequence[int]) -> int | None:
        """The rule out of ``matching`` that decides, or None when it is the implied one."""
        return min((index for index in matching if index in self.rank), key=self.rank.__getitem__, default=None)

    def verdict(self, matching: Sequence[int]) -> Verdict:
        """What the list says about a name that the rules ``matching`` match."""
        if not self.considered:
            return Verdict(allowed=True)
        index = self.deciding(matching)
        if index is not None:
            return Verdict(self.rules[index].kind == "allow", index)
        return Verdict(self.tail == "allow", implicit="allow *" if self.tail == "allow" else "deny *")
