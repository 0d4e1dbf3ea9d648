# SPDX-License-Identifier: Apache-2.0
"""A user's own system is a matter of each bench: what one could not try, another has not tried for it."""

from __future__ import annotations

import pytest

from harness.report.evidence.document import build
from harness.report.evidence.journal import Began, CaseDone, Ended, Entry, LookedAt, ScopeSet
from harness.report.evidence.model import BenchScope, Case, Report, Source, Verdict
from harness.report.evidence.system import SystemFile, SystemTried
from harness.site import Site

STARTED = "2026-01-01T00:00:00+00:00"
BEGAN = Began("run", STARTED, "pytest", "1", "abc", "", "", sources=[Source("the harness", "abc")])


def _case(bench: str, requirement: str, verdict: Verdict) -> CaseDone:
    reason = "not tried: option 'colour' (it is not understood)" if verdict == "skipped" else ""
    site = Site(bench, "x86_64", "pci", "probe", "serial")
    return CaseDone(Case(f"test_{requirement}", [requirement], site, verdict, 1, 0, 1, 0, STARTED, reason=reason))


def _tried(bench: str, *digests: str, policy: str = "") -> SystemTried:
    files = [SystemFile(f"vms/{number}.qvmconf", digest) for number, digest in enumerate(digests)]
    return SystemTried(bench, "x86_64", "7.0", files, SystemFile("policy.yaml", policy) if policy else None)


def _report(scopes: dict[str, list[str]], *entries: Entry, left_out: str = "") -> Report:
    benches = [
        BenchScope(bench, "device", "7.0", "everything", requirements, selected=bench != left_out)
        for bench, requirements in scopes.items()
    ]
    looked_at = LookedAt([entry.case.test for entry in entries if isinstance(entry, CaseDone)])
    return build([BEGAN, ScopeSet(benches), *entries, looked_at, Ended("2026-01-01T00:01:00+00:00")])


BOTH = {"left": ["SHM-ALLOW-01", "SHM-SYS-02"], "right": ["SHM-ALLOW-01", "SHM-SYS-02"]}


def test_what_one_bench_could_not_try_of_its_system_is_judged_by_no_other_bench() -> None:
    cases = [_case("left", "SHM-ALLOW-01", "pass"), _case("left", "SHM-SYS-02", "pass")]
    right = [_case("right", "SHM-ALLOW-01", "skipped"), _case("right", "SHM-SYS-02", "skipped")]
    report = _report(BOTH, *cases, *right, _case("right", "SHM-DENY-01", "pass"))
    assert (report.run.verdict, report.run.exit_status) == ("partial", 4)
    [item] = report.scope
    assert (item.required, item.judged) == (2, 1)
    [unjudged] = item.unjudged
    assert unjudged.requirement == "SHM-SYS-02"
    assert unjudged.reason == "on right: skipped: not tried: option 'colour' (it is not understood)"


def test_each_bench_that_judged_its_system_makes_a_pass() -> None:
    every = [_case(bench, name, "pass") for bench, names in BOTH.items() for name in names]
    assert _report(BOTH, *every).run.verdict == "pass"


def test_a_bench_without_a_system_has_none_to_judge() -> None:
    scopes = {"left": BOTH["left"], "right": ["SHM-ALLOW-01"]}
    cases = [_case("left", "SHM-SYS-02", "pass"), *(_case(bench, "SHM-ALLOW-01", "pass") for bench in scopes)]
    assert _report(scopes, *cases).run.verdict == "pass"


def test_a_bench_that_was_left_out_is_told_once() -> None:
    report = _report(BOTH, *(_case("left", name, "pass") for name in BOTH["left"]), left_out="right")
    assert [each.text for each in report.run.shortfalls] == ["bench right was left out"]


@pytest.mark.parametrize(
    "second", [_tried("left", "a", "c"), _tried("left", "a", "b", policy="q"), _tried("left", "a")]
)
def test_another_system_on_the_same_bench_is_a_conflict(second: SystemTried) -> None:
    cases = [_case("left", name, "pass") for name in BOTH["left"]]
    scope = {"left": BOTH["left"]}
    first = _tried("left", "a", "b")
    assert _report(scope, *cases, first, first).run.verdict == "pass"
    report = _report(scope, *cases, first, second)
    assert report.run.verdict == "partial"
    told = [(each.kind, each.text) for each in report.run.shortfalls]
    assert told == [("conflict", "the system that was tried on bench left was not always the same")]
