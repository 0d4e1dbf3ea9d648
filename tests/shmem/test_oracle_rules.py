# SPDX-License-Identifier: Apache-2.0
"""Restrictions lists against definitions in another form: as sets of permitted names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.shmem.config import ConfigError, Create, Rule, RuleKind, ShmemVdev, Subst
from harness.shmem.oracle import decide, matching_rules
from harness.shmem.profile import FIELDS, Profile
from harness.shmem.status import Status

NAMES = ["".join(letters) for size in (1, 2, 3) for letters in product("ab", repeat=size)]
PATTERNS = ["a", "b", "ab", "a*", "*b", "*", "?", "a?", "*a*", "[ab]b", "c"]
ALL = frozenset(NAMES)


def covered(pattern: str) -> frozenset[str]:
    """The names that a pattern covers, by its own words."""
    table: dict[str, frozenset[str]] = {
        "a*": frozenset(name for name in NAMES if name.startswith("a")),
        "*b": frozenset(name for name in NAMES if name.endswith("b")),
        "*": ALL,
        "?": frozenset(name for name in NAMES if len(name) == 1),
        "a?": frozenset({"aa", "ab"}),
        "*a*": frozenset(name for name in NAMES if "a" in name),
        "[ab]b": frozenset({"ab", "bb"}),
    }
    return table.get(pattern, ALL & {pattern})


def tail(rules: Sequence[tuple[RuleKind, str]], reading: str) -> frozenset[str]:
    """The names that are permitted when no rule covers them."""
    kinds = [kind for kind, _ in rules]
    if not kinds:
        return ALL
    if "deny" not in kinds:
        return frozenset()
    if "allow" not in kinds:
        return ALL
    deciding = {"deny": "allow", "allow": "deny", "first-kind": kinds[0], "last-kind": kinds[-1]}[reading]
    return frozenset() if deciding == "allow" else ALL


def specificity(pattern: str) -> tuple[int, int]:
    """Exact names before others, then by literal characters."""
    literals = {"a*": 1, "*b": 1, "*": 0, "?": 0, "a?": 1, "*a*": 1, "[ab]b": 1}
    return (0, literals[pattern]) if pattern in literals else (1, len(pattern))


def permitted(rules: list[tuple[RuleKind, str]], evaluation: str, tail_reading: str) -> frozenset[str]:
    """All permitted names at once: each rule adds its names to the result or takes them out of it."""
    mixed = len({kind for kind, _ in rules}) > 1
    if mixed and evaluation.endswith("-only"):
        rules = [rule for rule in rules if rule[0] == evaluation.removesuffix("-only")]
    result = tail(rules, tail_reading)
    # Rules are painted over each other, so that the one that decides is painted last.
    order = list(rules)
    if evaluation == "deny-wins":
        order.sort(key=lambda rule: rule[0] == "deny")
    elif evaluation == "most-specific":
        order.reverse()
        order.sort(key=lambda rule: specificity(rule[1]))
    elif evaluation != "last-match":
        order.reverse()
    for kind, pattern in order:
        result = result | covered(pattern) if kind == "allow" else result - covered(pattern)
    return result


kinds: st.SearchStrategy[RuleKind] = st.sampled_from(["allow", "deny"])
lists = st.lists(st.tuples(kinds, st.sampled_from(PATTERNS)), max_size=5)
evaluations = st.sampled_from([reading for reading in FIELDS["mixed_rules"].readings if reading != "rejected"])
tails = st.sampled_from(FIELDS["mixed_tail"].readings)


@settings(max_examples=500, deadline=None)
@given(lists, evaluations, tails)
def test_lists_as_sets(rules: list[tuple[RuleKind, str]], evaluation: str, tail_reading: str) -> None:
    profile = Profile.load("7.0", {"mixed_rules": evaluation, "mixed_tail": tail_reading})
    vdev = ShmemVdev(tuple(Rule(kind, pattern) for kind, pattern in rules))
    assert {name for name in NAMES if decide(vdev, name, profile).allowed} == permitted(rules, evaluation, tail_reading)


def test_every_list_of_two_rules_under_the_documented_reading() -> None:
    profile = Profile.load("7.0")
    for rules in product(product(("allow", "deny"), PATTERNS), repeat=2):
        vdev = ShmemVdev(tuple(Rule(kind, pattern) for kind, pattern in rules))  # type: ignore[arg-type]
        allowed = {name for name in NAMES if decide(vdev, name, profile).allowed}
        assert allowed == permitted(rules, "first-match", "deny")  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(lists, evaluations, tails, st.sampled_from(NAMES))
def test_the_reason_fits_the_verdict(
    rules: list[tuple[RuleKind, str]], evaluation: str, tail_reading: str, name: str
) -> None:
    profile = Profile.load("8.0", {"mixed_rules": evaluation, "mixed_tail": tail_reading})
    vdev = ShmemVdev(tuple(Rule(kind, pattern) for kind, pattern in rules))
    decision = decide(vdev, name, profile)
    if decision.rule is not None:
        assert decision.implicit is None
        assert (decision.rule.kind == "allow") == decision.allowed
        assert matching_rules(vdev, name, profile)[vdev.rules.index(decision.rule)]
    elif decision.implicit is not None:
        assert (decision.implicit == "allow *") == decision.allowed
    else:
        assert decision.allowed
    assert decision.status == (Status.OK if decision.allowed else Status.NO_PERMISSION)


# The discriminating experiments for mixed lists: name, then the verdict under each reading.
EXPERIMENTS = [
    (["deny neo", "allow neo*"], "neo", {"first-match": 0, "deny-wins": 0, "most-specific": 0, "last-match": 1}),
    (["allow neo*", "deny neo"], "neo", {"first-match": 1, "deny-wins": 0, "most-specific": 0, "last-match": 0}),
    (["deny neo*", "allow neo"], "neo", {"first-match": 0, "deny-wins": 0, "most-specific": 1, "last-match": 1}),
    (["allow neo*", "deny neo"], "neo", {"allow-only": 1, "deny-only": 0}),
    (["allow neo*", "deny neo"], "trinity", {"allow-only": 0, "deny-only": 1}),
]


@pytest.mark.parametrize(("lines", "name", "verdicts"), EXPERIMENTS)
def test_experiments(lines: list[str], name: str, verdicts: dict[str, int]) -> None:
    vdev = ShmemVdev(tuple(Rule(kind, pattern) for kind, pattern in (line.split() for line in lines)))  # type: ignore[arg-type]
    for reading, allowed in verdicts.items():
        assert decide(vdev, name, Profile.load("7.0", {"mixed_rules": reading})).allowed == bool(allowed), reading


@pytest.mark.parametrize(
    ("lines", "allowed"),
    [
        ("deny a* allow b*", {"deny": 0, "allow": 1, "first-kind": 1, "last-kind": 0}),
        ("allow b* deny a*", {"deny": 0, "allow": 1, "first-kind": 0, "last-kind": 1}),
    ],
)
def test_tail_of_a_mixed_list(lines: str, allowed: dict[str, int]) -> None:
    words = lines.split()
    vdev = ShmemVdev((Rule(words[0], words[1]), Rule(words[2], words[3])))  # type: ignore[arg-type]
    for reading, expected in allowed.items():
        assert decide(vdev, "zeta", Profile.load("7.0", {"mixed_tail": reading})).allowed == bool(expected), reading


def test_a_refused_list_is_an_error_and_not_a_verdict() -> None:
    mixed = ShmemVdev((Rule("allow", "a"), Rule("deny", "b")))
    with pytest.raises(ConfigError, match="'allow' and 'deny' in one vdev: found 'deny' after 'allow'"):
        decide(mixed, "a", Profile.load("7.1", {"mixed_rules": "rejected"}))
    assert decide(ShmemVdev((Rule("deny", "b"),)), "a", Profile.load("7.1", {"mixed_rules": "rejected"})).allowed


@pytest.mark.parametrize("status", FIELDS["denied_status"].readings)
def test_status_of_a_refusal(status: str) -> None:
    vdev = ShmemVdev((Rule("deny", "a"),))
    assert decide(vdev, "a", Profile.load("7.0", {"denied_status": status})).status is Status[status]


def test_rules_see_the_name_that_the_profile_says() -> None:
    vdev = ShmemVdev((Subst("foo", "vm0"), Rule("allow", "foo*")))
    assert decide(vdev, "foomem", Profile.load("7.0")).allowed
    refused = decide(vdev, "foomem", Profile.load("7.0", {"rules_see": "host-name"}))
    assert (refused.allowed, refused.implicit, refused.host_name) == (False, "deny *", "vm0mem")


def test_a_create_may_allow_its_name() -> None:
    vdev = ShmemVdev((Create("mine", 4096), Rule("deny", "*")))
    assert not decide(vdev, "mine", Profile.load("7.0")).allowed
    implied = decide(vdev, "mine", Profile.load("7.0", {"create_vs_rules": "implies-allow"}))
    assert (implied.allowed, implied.rule, implied.reason) == (True, None, "the vdev creates the region")
    assert not decide(vdev, "other", Profile.load("7.0", {"create_vs_rules": "implies-allow"})).allowed
