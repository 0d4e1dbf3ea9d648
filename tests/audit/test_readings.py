# SPDX-License-Identifier: Apache-2.0
"""Lists of both kinds under each reading, by hand (SHM-OPEN-01, SHM-OPEN-02), and what substitution leaves alone."""

from __future__ import annotations

import pytest

from harness.audit.combinations import Combinations
from harness.audit.names.lists import rules_list
from harness.audit.names.reach import reach
from harness.shmem.config import Create, Rule, ShmemOption, ShmemVdev, Subst
from harness.shmem.oracle import decide
from harness.shmem.profile import FIELDS, Profile

_LISTS = {
    "narrow deny first": (("deny", "neo"), ("allow", "neo*")),
    "wide allow first": (("allow", "neo*"), ("deny", "neo")),
    "wide deny first": (("deny", "neo*"), ("allow", "neo")),
    "apart": (("deny", "a*"), ("allow", "b*")),
}
_EXPECTED = {
    ("narrow deny first", "neo"): {"last-match", "allow-only"},
    ("wide allow first", "neo"): {"first-match", "allow-only"},
    ("wide deny first", "neo"): {"most-specific", "last-match", "allow-only"},
    ("narrow deny first", "neon"): {
        "first-match",
        "deny-wins",
        "most-specific",
        "last-match",
        "allow-only",
        "deny-only",
    },
    ("wide deny first", "neon"): set(),
    ("apart", "zeta"): {"deny-only"},
}
_READINGS = [reading for reading in FIELDS["mixed_rules"].readings if reading != "rejected"]


@pytest.mark.parametrize("reading", _READINGS)
@pytest.mark.parametrize(("name", "asked"), _EXPECTED)
def test_mixed_lists(reading: str, name: str, asked: str) -> None:
    profile = Profile.load("7.0", {"mixed_rules": reading})
    rules = rules_list([Rule(kind, pattern) for kind, pattern in _LISTS[name]], profile)  # type: ignore[arg-type]
    expected = reading in _EXPECTED[name, asked]
    assert rules.permits(asked.encode()) is expected
    assert rules.permitted(1000).accepts(asked.encode()) is expected


@pytest.mark.parametrize("reading", ["sensitive", "insensitive"])
def test_case_in_names_and_sets(reading: str) -> None:
    profile = Profile.load("7.0", {"pattern_case": reading})
    for pattern, name in (("Ab", "aB"), ("aB", "Ab"), ("[A-C]x", "bX"), ("[a-c]X", "Bx")):
        names = rules_list([Rule("allow", pattern)], profile).permitted(1000)
        assert names.accepts(name.encode()) is (reading == "insensitive"), (pattern, name)


@pytest.mark.parametrize("tail", ["deny", "allow", "first-kind", "last-kind"])
def test_the_implied_rule_of_a_mixed_list(tail: str) -> None:
    profile = Profile.load("7.0", {"mixed_tail": tail})
    rules = rules_list([Rule("deny", "a*"), Rule("allow", "b*")], profile)
    assert rules.permitted(1000).accepts(b"zeta") is (tail in ("allow", "first-kind"))


@pytest.mark.parametrize(
    ("reading", "expected"), [("unchanged", b"other"), ("prefixed", b"vm_other"), ("refused", None)]
)
def test_a_name_that_no_substitution_fits(reading: str, expected: bytes | None) -> None:
    vdev = ShmemVdev((Subst("mine", "vm_"), Rule("allow", "*")))
    found = reach(vdev, Profile.load("7.0", {"subst_unmatched": reading}))
    assert found.host_name(b"other") == expected
    assert found.host.accepts(b"other") is (expected == b"other")
    assert found.host.accepts(b"vm_other") is True  # also of 'mineother'
    assert found.host_name(b"mine1") == b"vm_1"
    assert not found.host.accepts(b"mine1"), "a name that a substitution fits is not kept as it is"


@pytest.mark.parametrize(("reading", "expected"), [("first-match", "a*"), ("last-match", "*"), ("most-specific", "ab")])
def test_the_deciding_rule_of_a_list_of_one_kind(reading: str, expected: str) -> None:
    """Every rule permits the name; the one that is named is the one that the reading puts first."""
    rules = [Rule("allow", pattern) for pattern in ("a*", "ab", "*")]
    profile = Profile.load("7.0", {"mixed_rules": reading})
    rule = rules_list(rules, profile).deciding(b"ab")
    assert rule is not None
    assert rule.pattern == expected
    assert rule == decide(ShmemVdev(tuple(rules)), "ab", profile).rule


def test_a_letter_that_no_guest_may_write_is_not_there_before_a_name_is_cut_either() -> None:
    """The list permits the 31 letters only with '/' as the last one, which the cut takes away, and no guest may ask."""
    vdev = ShmemVdev((Subst("", "b"), Rule("allow", "a" * 30 + "/")))
    found = reach(vdev, Profile.load("7.0", {"overlong_host_name": "truncated"}))
    assert not found.host.accepts(b"b" + b"a" * 30)


def test_a_name_that_became_too_long_is_cut() -> None:
    vdev = ShmemVdev((Subst("", "b"), Rule("allow", "a" * 31)))
    found = reach(vdev, Profile.load("7.0", {"overlong_host_name": "truncated"}))
    assert found.host.accepts(b"b" + b"a" * 30)
    assert found.guest_name(b"b" + b"a" * 30) == b"a" * 31
    assert not reach(vdev, Profile.load("7.0", {})).host.accepts(b"b" + b"a" * 30)


_LONG = "a" * 30
_PAIRS = {
    "a dot that is matched explicitly": ([Rule("deny", "*")], [Rule("allow", ".x")], {"pattern_dot": "explicit"}),
    "letters of either case": ([Rule("allow", "X")], [Rule("allow", "x")], {"pattern_case": "insensitive"}),
    "a rule that is ignored": (
        [Rule("deny", "x"), Rule("allow", "x*")],
        [Rule("allow", "x")],
        {"mixed_rules": "last-match"},
    ),
    "a name that is cut": (
        [Subst("", "p"), Rule("allow", f"{_LONG}b")],
        [Rule("allow", f"p{_LONG}")],
        {"overlong_host_name": "truncated"},
    ),
    "a prefix in any case": (
        [Subst("zz", "q"), Rule("allow", "n")],
        [Rule("allow", "qn")],
        {"subst_unmatched": "prefixed"},
    ),
    "a region that create permits": (
        [Rule("allow", "n"), Create("m", 4096)],
        [Rule("allow", "m")],
        {"create_vs_rules": "implies-allow"},
    ),
    "two readings at once": (
        [Subst("zz", "q"), Rule("allow", "N")],
        [Rule("allow", "qn")],
        {"subst_unmatched": "prefixed", "pattern_case": "insensitive"},
    ),
    "each under another reading": ([Rule("allow", "X")], [Rule("deny", "X")], None),
    "a guest-side name that is too long for a guest": (
        [Subst("abcdefghij", "x"), Rule("allow", f"abcdefghij{_LONG}")],
        [Rule("allow", f"x{_LONG}")],
        None,
    ),
    "each with a prefix of its own": ([Subst("", "p_")], [Subst("", "q_")], None),
}


@pytest.mark.parametrize(("one", "other", "expected"), _PAIRS.values(), ids=_PAIRS)
def test_two_vms_are_read_alike(
    one: list[ShmemOption], other: list[ShmemOption], expected: dict[str, str] | None
) -> None:
    """The readings that let two VMs meet are named, and none is where each VM would have to be read otherwise."""
    found = Combinations(Profile()).meeting([ShmemVdev(tuple(one))], [ShmemVdev(tuple(other))])
    assert (found and found.readings) == expected


def test_the_deciding_rule_of_a_name_that_becomes_empty() -> None:
    vdev = ShmemVdev((Rule("allow", "a"), Rule("deny", "a"), Subst("a", "")))
    readings = {"rules_see": "host-name", "name_empty": "legal", "mixed_tail": "allow"}
    profile = Profile.load("7.0", readings)
    assert reach(vdev, profile).deciding(b"a") == decide(vdev, "a", profile).rule
