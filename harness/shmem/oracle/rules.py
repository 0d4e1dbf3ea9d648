# SPDX-License-Identifier: Apache-2.0
"""Which entry of a restrictions list decides about a name (User's Guide, "vdev shmem", restrictions list)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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


def _deciding(rules: Sequence[Rule], matching: list[int], profile: Profile) -> int:
    """The index out of ``matching``, which is in list order and not empty, that decides."""
    match profile.mixed_rules:
        case "deny-wins":
            return next((index for index in matching if rules[index].kind == "deny"), matching[0])
        case "last-match":
            return matching[-1]
        case "most-specific":
            return max(matching, key=lambda index: (compile_pattern(rules[index].pattern, profile).specificity, -index))
        case _:
            return matching[0]


def _tail(kinds: Sequence[RuleKind], profile: Profile) -> RuleKind:
    """The kind of the rule that is implied at the end of a list of these kinds."""
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
        index = _deciding(rules, matching, profile)
        return Verdict(rules[index].kind == "allow", index)
    tail = _tail([rules[index].kind for index in considered], profile)
    return Verdict(tail == "allow", implicit="allow *" if tail == "allow" else "deny *")


def matches(rules: Sequence[Rule], name: str, profile: Profile) -> list[bool]:
    """For each rule whether its pattern matches ``name``."""
    raw = name_bytes(name)
    return [compile_pattern(rule.pattern, profile).matches(raw) for rule in rules]
