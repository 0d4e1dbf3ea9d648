# SPDX-License-Identifier: Apache-2.0
"""The linter: what it says for which text, and that what it says of rules is true of every name."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.shmem.config import ConfigError, Rule, RuleKind, ShmemVdev, VmConfig, parse
from harness.shmem.lint import lint
from harness.shmem.oracle import decide
from harness.shmem.oracle.coverage import coverage
from harness.shmem.oracle.patterns import name_bytes
from harness.shmem.oracle.rules import matches
from harness.shmem.profile import PROFILES, Profile
from tests.shmem.strategies import configurations, profiles, texts

NAMES = ["".join(letters) for size in (1, 2, 3) for letters in product("ab.", repeat=size)]

FINDINGS = [
    # options of a vdev shmem, release, what is said: severity, column, code, part of the text
    ("allow a*", "7.0", []),
    ("allow *", "7.0", []),
    ("allow test* allow pluto", "7.0", []),
    ("deny live*", "7.0", [("note", 12, "deny-only", "every other name is permitted")]),
    ("allow a* allow ab", "7.0", [("warning", 21, "unreachable-rule", "is decided by 'allow a*' (line 2)")]),
    ("allow ab allow a*", "7.0", [("warning", 12, "redundant-rule", "judged the same without 'allow ab'")]),
    ("allow a* allow b allow a*", "7.0", [("warning", 29, "duplicate-rule", "given again, first in line 2")]),
    (f"allow {'n' * 32} allow a", "7.0", [("warning", 12, "unreachable-rule", "the shortest has 32 bytes")]),
    (
        f"allow {'?' * 32}* allow a",
        "7.0",
        [("note", 12, "pattern-dialect", "?"), ("warning", 12, "unreachable-rule", "")],
    ),
    ("allow a/b allow c", "7.0", [("warning", 12, "unreachable-rule", "no legal name looks like that")]),
    (
        "allow a[b allow c*",
        "7.0",
        [("note", 12, "pattern-dialect", "only '*'; what [ mean")],
    ),
    (
        "deny pluto allow pluto*",
        "7.0",
        [("warning", 23, "mixed-rules", "'a' is refused if the first match decides, permitted if the implied")],
    ),
    (
        "allow neo* deny neo",
        "7.0",
        [
            ("warning", 23, "unreachable-rule", "'deny neo' never decides"),
            ("warning", 23, "mixed-rules", "'neo' is permitted if the first match decides, refused if deny wins"),
        ],
    ),
    (
        "deny a* allow ab",
        "7.0",
        [
            ("warning", 20, "unreachable-rule", "; yet as the list holds an allow, the implied rule differs"),
            ("warning", 20, "mixed-rules", ""),
        ],
    ),
    ('allow ""', "7.0", [("error", 12, "empty-pattern", "")]),
    ("gid 5 create a,4k,0600,6", "7.1", [("error", 12, "release", "'gid'"), ("error", 18, "release", "MODE")]),
    ("gid 5 create a,4k,0600,6", "8.0", []),
    ("create a,4k,600", "8.0", [("warning", 12, "octal-mode", "'600' is taken for octal; write '0600'")]),
    ("create a,4k,,6", "8.0", [("error", 12, "gid-without-mode", "")]),
    ("create a,4k allow b", "7.0", [("warning", 12, "create-refused", "the implied 'deny *' refuses it")]),
    ("allow a* create b,4k", "7.0", [("warning", 21, "create-refused", "")]),
    ("deny b create b,4k", "7.0", [("note", 12, "deny-only", ""), ("warning", 19, "create-refused", "'deny b'")]),
    (
        "create a,4k subst ,p",
        "7.0",
        [("warning", 12, "create-before-subst", "'a' is created as 'a', but the guest reaches 'pa'")],
    ),
    ("subst ,p create a,4k", "7.0", []),
    ("create a,4k create a,8k", "7.0", [("warning", 24, "duplicate-create", "'a' is created before")]),
    (f"subst ,{'p' * 31}", "7.0", [("warning", 12, "subst-overlong", "the prefix alone has 31 bytes")]),
    (
        f"subst ,{'p' * 20} create {'n' * 12},4k",
        "7.0",
        [("warning", 40, "subst-overlong", "32 bytes"), ("warning", 40, "create-impossible", "32 bytes")],
    ),
    ("subst foo,x", "7.0", [("note", 12, "subst-open", "names without 'foo' reach the host unchanged")]),
    (
        "subst a,a subst ,",
        "7.0",
        [("warning", 12, "subst-without-effect", ""), ("warning", 22, "subst-without-effect", "")],
    ),
    ("subst ,x subst b,y", "7.0", [("warning", 21, "unreachable-subst", "'subst ,x' (line 2) fits first")]),
    (
        "subst foo,x allow foo allow x",
        "7.0",
        [
            ("note", 12, "rules-and-subst", "before or after"),
            ("warning", 34, "subst-collision", "'x' and 'foo' both become 'x'"),
        ],
    ),
    ("loc 0x1000 intr gic:40 loc 0x2000", "7.0", [("warning", 35, "repeated-option", "'loc' is given again")]),
]


@pytest.mark.parametrize(("options", "release", "expected"), FINDINGS)
def test_findings(options: str, release: str, expected: list[tuple[str, int, str, str]]) -> None:
    found = lint(parse(f"system g\nvdev shmem {options}", "t"), PROFILES[release])
    assert [(item.severity, item.position.column, item.code) for item in found] == [line[:3] for line in expected]
    for item, (severity, column, code, text) in zip(found, expected, strict=True):
        assert text in item.text
        assert str(item) == f"t:2:{column}: {severity}: {item.text} [{code}]"


WHOLE = [
    ("ram 1M", "1:1", "no-system"),
    ("ram 1M system g", "1:8", "system-not-first"),
    ("system g vdev acme\n loc 0x1", "1:10", "not-understood"),
    ("system g vdev shmem create a,4k vdev shmem create a,4k", "1:44", "duplicate-create"),
    ("system g ram 0", "1:10", "size-zero"),
    ("system g set A 1 set A 2", "1:18", "set-again"),
]


@pytest.mark.parametrize(("text", "where", "code"), WHOLE)
def test_findings_about_the_whole(text: str, where: str, code: str) -> None:
    assert [(str(item.position), item.code) for item in lint(parse(text, "t"))] == [(f"t:{where}", code)]


def test_a_variable_may_get_the_same_value_again() -> None:
    assert lint(parse("system g set A 1 set A 1", "t")) == []


def test_nothing_is_said_about_nothing() -> None:
    assert lint(VmConfig()) == []


def test_findings_stand_in_the_order_of_the_text() -> None:
    text = "system g\nvdev shmem\n deny a\n allow b*\n allow b\nram 0\n"
    assert [item.position.line for item in lint(parse(text))] == [3, 4, 5, 6]


kinds: st.SearchStrategy[RuleKind] = st.sampled_from(["allow", "deny"])
patterns = st.text(st.sampled_from("ab*?.[]!-\\"), min_size=1, max_size=4)
lists = st.lists(st.builds(Rule, kinds, patterns), min_size=1, max_size=5)
readings = profiles("mixed_rules", "mixed_tail", "pattern_syntax", "pattern_case", "pattern_dot", "name_leading_dot")


def _matching(rules: list[Rule], name: str, profile: Profile) -> tuple[int, ...]:
    return tuple(index for index, matched in enumerate(matches(rules, name, profile)) if matched)


@settings(max_examples=200, deadline=None)
@given(lists, readings)
def test_coverage_is_exact(rules: list[Rule], profile: Profile) -> None:
    found = coverage(rules, profile)
    assert found is not None
    for matched, name in found.names.items():
        assert _matching(rules, name, profile) == matched
        assert decide(ShmemVdev(), name, profile).allowed
    for name in NAMES:
        if decide(ShmemVdev(), name, profile).allowed:
            assert _matching(rules, name, profile) in found.names


@settings(max_examples=200, deadline=None)
@given(lists, readings.filter(lambda profile: profile.mixed_rules != "rejected"))
def test_what_is_said_of_rules_is_true_of_every_name(rules: list[Rule], profile: Profile) -> None:
    numbered = [
        Rule(rule.kind, rule.pattern, parse(f"{' ' * index}cpu", "t").cpus[0].position)
        for index, rule in enumerate(rules)
    ]
    vdev = ShmemVdev(tuple(numbered))
    found = {(item.position.column - 1, item.code) for item in lint(VmConfig(vdevs=(vdev.vdev(),)), profile)}
    silent = {index for index, code in found if code in ("unreachable-rule", "duplicate-rule")}
    superfluous = {index for index, code in found if code == "redundant-rule"}
    rest = ShmemVdev(tuple(rule for index, rule in enumerate(numbered) if index not in superfluous))
    for name in NAMES:
        decision = decide(vdev, name, profile)
        deciding = next((index for index, rule in enumerate(numbered) if rule is decision.rule), None)
        assert deciding not in silent or deciding in {index for index, code in found if code == "duplicate-rule"}
        if rest.rules:
            assert decide(rest, name, profile).allowed == decision.allowed


@settings(max_examples=80, deadline=None)
@given(configurations(), readings)
def test_every_configuration_can_be_linted(config: VmConfig, profile: Profile) -> None:
    for item in lint(config, profile):
        assert item.text
        assert item.code


def test_a_hopeless_list_is_not_compared() -> None:
    rules = " ".join(f"allow *{letter}*{letter}*{letter}" for letter in "abcdefghij")
    (item,) = lint(parse(f"system g vdev shmem {rules}"))
    assert (item.severity, item.code) == ("note", "not-compared")


@settings(max_examples=60, deadline=None)
@given(texts(min_size=1, max_size=31), lists)
def test_a_name_is_never_missed(name: str, rules: list[Rule]) -> None:
    profile = PROFILES["7.0"]
    found = coverage(rules, profile)
    assert found is not None
    if decide(ShmemVdev(), name, profile).allowed and len(name_bytes(name)) < 32:
        assert _matching(rules, name, profile) in found.names


def codes(text: str) -> list[tuple[str, str, int]]:
    return [(found.severity, found.code, found.position.line) for found in lint(parse("system g\nram 0,64M\n" + text))]


def test_two_timers_of_a_pc_may_have_one_line() -> None:
    """The vendor's configuration of a Linux guest has it so."""
    pic = "vdev ioapic loc 0xf8000000 intr apic name p\n"
    timers = "vdev timer8254 intr p:0\nvdev hpet loc 0xf8008000 intr p:0,p:8\n"
    assert codes(pic + timers) == []
    assert codes(pic + timers.replace("hpet", "mc146818")) == [("error", "interrupt-used", 5)]
    assert codes(pic + timers + "vdev timer8254 intr p:0\n") == [("error", "interrupt-used", 6)]


def test_where_an_unknown_device_is_makes_no_error() -> None:
    known = "vdev pl011 loc 0x1000 intr gic:40\n"
    assert codes(known) == [("error", "address-collision", 3)]
    assert ("warning", "address-collision", 3) in codes(known.replace("pl011", "smmu"))
    assert not [code for code in codes(known.replace("pl011", "smmu")) if code[0] == "error"]


@pytest.mark.parametrize(("line", "said"), [(11, True), (16, False), (1019, False), (1020, True), (99999, True)])
def test_a_line_that_no_device_can_have_is_warned_of(line: int, said: bool) -> None:
    found = codes(f"vdev shmem loc 0x10000000 intr gic:{line}\n")
    assert found == ([("warning", "no-line", 3)] if said else [])


def test_a_forgotten_value_does_not_swallow_the_next_device() -> None:
    with pytest.raises(ConfigError, match=r":1:1: argument of 'safety' is missing: found 'vdev', expected none"):
        parse("safety\nvdev shmem allow a\n")
    assert [remark.text for remark in parse("safety most\n").remarks] == [
        "safety 'most' is not understood; it is kept as it is"
    ]
    assert parse("safety warn\n").remarks == ()
