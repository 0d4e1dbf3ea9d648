# SPDX-License-Identifier: Apache-2.0
"""The linter's work grows linearly with the text, for all kinds of lists; steps are counted, not seconds."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.shmem.config import Create, Rule, RuleKind, ShmemVdev, parse, shmems_of
from harness.shmem.explanation import as_text, explain
from harness.shmem.lint import lint
from harness.shmem.oracle import Decider, decide
from harness.shmem.oracle.automaton import Budget
from harness.shmem.oracle.coverage import RuleMatcher, coverage, new_budget
from harness.shmem.profile import PROFILES, Profile
from tests.shmem.strategies import profiles, texts

Lines = Callable[[int], str]


def _list(line: str) -> Lines:
    """Options of one vdev, of which ``{n}`` makes each another."""
    return lambda count: (
        "system g\nvdev shmem\n"
        + "".join(
            "  " + line.format(n=f"{number:05}", kind=("allow", "deny")[number % 2]) + "\n" for number in range(count)
        )
    )


def _entries(entry: str) -> Lines:
    """Entries of a VM; ``{at}`` is an address of its own."""
    return lambda count: (
        "system g\n"
        + "".join(
            entry.format(n=number, at=hex(0x1000_0000 + number * 4096), line=number + 32) for number in range(count)
        )
    )


KINDS: dict[str, Lines] = {
    "names": _list("allow region{n}"),
    "stems": _list("allow region{n}*"),
    "names and stems": _list("allow region{n} allow region{n}*"),
    "question marks": _list("allow reg?on{n}"),
    "sets": _list("allow r[a-f]x{n}[0-9]"),
    "stars inside": _list("allow region{n}*x*y"),
    "stars in front": _list("allow *{n}"),
    "stars around": _list("allow *{n}*{n}*"),
    "both kinds": _list("{kind} region{n}*"),
    "the same": _list("allow region"),
    "one star for all": lambda count: _list("allow region{n}")(count) + "  deny *tmp*\n",
    "creates": _list("create region{n},4k"),
    "creates that are refused": _list("allow a{n} create region{n},4k"),
    "substs": _list("subst x{n},y"),
    "vdevs": _entries("vdev shmem name n{n} loc {at} intr gic:{line} allow a{n}\n"),
    "vdevs at one place": _entries("vdev pl011 loc 0x1000 intr gic:40\n"),
    "memory": _entries("ram {at},2k\nrom {at},1k\n"),
    "what is not understood": _entries("frob{n} {n}\nvdev x{n} y {n}\nvdev pl011 z{n} 1\n"),
    "variables": _entries("set v{n} {at}\nvdev shmem loc $v{n} intr gic:{line} allow $w{n}\n"),
    "controllers": _entries("vdev pl011 loc {at} intr x{n}:3\n"),
    "loads and cpus": _entries("cpu sched 10\ndata load {at},file{n}\n"),
}


def _calls(text: str) -> int:
    """How many calls reading and checking a text takes; the same on every machine."""
    profile = cProfile.Profile()
    profile.enable()
    lint(parse(text))
    profile.disable()
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_work_grows_as_the_text_does(kind: str) -> None:
    make = KINDS[kind]
    small, large = 150, 600
    lint(parse(make(100)))
    # Four times as much text; a square would be sixteen times the work.
    assert _calls(make(large)) < 6 * _calls(make(small)) + 20_000


@pytest.mark.parametrize("kind", ["stars in front", "stars around"])
def test_steps_of_entangled_patterns_are_bounded_for_the_whole_text(kind: str) -> None:
    """Also when one VM has many such lists: the spare steps are shared by them."""
    vdev = shmems_of(parse(KINDS[kind](300)))[0]
    budget = new_budget()
    spare = budget.spare
    count = 12
    for _ in range(count):
        coverage(vdev.rules, PROFILES["7.0"], RuleMatcher(vdev.rules, PROFILES["7.0"], budget))
    size = sum(2 + len(rule.pattern) for rule in vdev.rules)
    assert budget.spent < spare + 16 * count * size


def test_an_entangled_list_is_a_note_and_never_a_false_warning() -> None:
    findings = lint(parse(KINDS["stars around"](400)))
    assert {(item.severity, item.code) for item in findings} == {("note", "not-compared")}


@pytest.mark.parametrize("kind", ["names", "stems"])
def test_explaining_grows_as_the_list_does(kind: str) -> None:
    def calls(count: int) -> int:
        (vdev,) = shmems_of(parse(KINDS[kind](count)))
        profile = cProfile.Profile()
        profile.enable()
        lines = list(as_text(explain(vdev, 0, "region00007", PROFILES["7.0"])))
        profile.disable()
        assert len(lines) > count
        return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]

    assert calls(1200) < 6 * calls(300) + 20_000


def test_a_long_list_is_read_exactly() -> None:
    """The findings of a list that is too long to be one state machine."""
    rules = [f"allow region{number:04}" for number in range(200)]
    rules[150:150] = ["allow region00*", "allow region0042", "allow region019[0-9]", "allow *0151"]
    found = lint(parse("system g\nvdev shmem\n" + "\n".join(rules)))
    said = {(item.code, item.position.line) for item in found if item.severity == "warning"}
    redundant = {("redundant-rule", line) for line in range(3, 103) if line != 45}
    # The stem covers rules 0 to 99, of which the one that is given again stays; the set covers 190 to 199, and the star
    # in front covers 151.
    unreachable = {("unreachable-rule", line) for line in range(197, 207)} | {("unreachable-rule", 158)}
    assert said == redundant | unreachable | {("duplicate-rule", 154)}


kinds: st.SearchStrategy[RuleKind] = st.sampled_from(["allow", "deny"])
patterns = st.text(st.sampled_from("abA*?[]!^-."), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.builds(Rule, kinds, patterns), max_size=6),
    st.lists(st.builds(Create, texts(without=",", max_size=3), st.just(4096)), max_size=2),
    st.lists(st.text(st.sampled_from("abA.x"), max_size=4), min_size=1, max_size=6),
    profiles(
        "mixed_rules", "mixed_tail", "pattern_syntax", "pattern_case", "pattern_dot", "rules_see", "create_vs_rules"
    ),
)
def test_many_decisions_are_the_single_ones(
    rules: list[Rule], creates: list[Create], names: list[str], profile: Profile
) -> None:
    if profile.mixed_rules == "rejected":
        return
    # Enough other rules for a list that is looked up and not walked, too.
    for more in ([], [Rule("allow", f"zz{number}") for number in range(70)]):
        vdev = ShmemVdev((*rules, *creates, *more))
        decider = Decider(vdev, profile, RuleMatcher(vdev.rules, profile, Budget(10_000_000)))
        for name in names:
            assert decider.decide(name) == decide(vdev, name, profile)
