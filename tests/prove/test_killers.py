# SPDX-License-Identifier: Apache-2.0
"""Tests that have killed mutants come first."""

from __future__ import annotations

from harness.prove.mutation.killers import OTHERS_S, SAME_SOURCE_S, Killers
from harness.prove.mutation.model import Outcome, Tried
from harness.prove.reach import Seen


def tried(file: str, test: str, outcome: Outcome = "killed") -> Tried:
    return Tried("0", file, "f", 1, "", outcome, test=test)


def seen(test: str, seconds: float, verdict: str = "pass") -> Seen:
    return Seen(test, [], "a", {}, seconds, verdict, 0)


def test_those_of_the_same_source_come_before_those_of_others_and_often_before_seldom() -> None:
    killers = Killers()
    for one in (tried("a", "x"), tried("a", "y"), tried("a", "y"), tried("b", "z"), tried("a", "w", "survived")):
        killers.note(one)
    reaching = [seen(test, 0.5) for test in "uwxyz"]
    assert killers.in_front("a", ["u", "w", "x"], reaching) == ["y", "x", "z", "u", "w"]
    assert killers.in_front("b", ["u", "w", "x"], reaching) == ["z", "y", "x", "u", "w"]


def test_only_those_that_reach_the_mutant_and_pass_without_it() -> None:
    killers = Killers()
    for test in "xyz":
        killers.note(tried("a", test))
    assert killers.in_front("a", ["u"], [seen("u", 1), seen("x", 1), seen("y", 1, "fail")]) == ["x", "u"]


def test_they_have_a_little_time_only() -> None:
    killers = Killers()
    for test in "xy":
        killers.note(tried("a", test))
        killers.note(tried("a", test))
    killers.note(tried("a", "z"))
    reaching = [seen("x", SAME_SOURCE_S - 1), seen("y", 2), seen("z", 1)]
    assert killers.in_front("a", ["u"], reaching)[:2] == ["y", "z"]
    assert killers.in_front("b", ["u"], [seen("x", OTHERS_S + 1), seen("y", OTHERS_S)]) == ["y", "u"]
