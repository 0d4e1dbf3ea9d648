# SPDX-License-Identifier: Apache-2.0
"""Which tests are tried against a defect, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from coverage import CoverageData

from harness.errors import UsageError
from harness.prove.choosing import Looks, choose, choose_twice
from harness.prove.reach import CASES, Reach, Seen, Statement, read

DEVICE = "emulator/device/regions.py"
MACHINE = "emulator/machine/placement.py"


def seen(
    test: str,
    seconds: float,
    bench: str = "a",
    verdict: str = "pass",
    release: str = "7.0",
    drawn: bool = False,
    starts: int = 0,
) -> Seen:
    return Seen(test, ["SHM-LIFE-01"], bench, {"release": release}, seconds, verdict, starts, drawn)


def test_the_cheap_come_first_and_a_module_stays_together() -> None:
    tests = [seen("x::dear", 9), seen("x::cheap", 1), seen("y::one", 2), seen("y::two", 2)]
    reach = Reach(tests, {DEVICE: {5: {one.test for one in tests}}})
    choice = choose(reach, [Statement(DEVICE, 5, 5)], 100)
    assert choice.tests == ["y::one", "y::two", "x::dear", "x::cheap"]
    first = choose(reach, [Statement(DEVICE, 5, 5)], 100, lambda one: one.test == "x::cheap").tests
    assert first == ["x::cheap", "y::one", "y::two", "x::dear"]


def test_with_a_small_budget_every_module_gives_its_shortest_tests() -> None:
    tests = [seen("x::dear", 9), seen("x::cheap", 1), seen("x::cheapest", 0.5), seen("y::one", 2), seen("y::two", 2)]
    reach = Reach(tests, {DEVICE: {5: {one.test for one in tests}}})
    statement = [Statement(DEVICE, 5, 5)]
    assert choose(reach, statement, 3).tests == ["y::one", "x::cheap", "x::cheapest"]
    assert choose(reach, statement, 0).tests == ["y::one", "x::cheapest"]


def test_a_second_look_goes_on_where_the_first_one_ended() -> None:
    tests = [seen("x::dear", 9), seen("x::cheap", 1), seen("x::cheapest", 0.5), seen("y::one", 2), seen("y::two", 2)]
    reach = Reach(tests, {DEVICE: {5: {one.test for one in tests}}})
    statement = [Statement(DEVICE, 5, 5)]
    soon = ["y::one", "x::cheap", "x::cheapest"]
    assert choose_twice(reach, statement, Looks(3, 0)).tests == soon
    assert choose_twice(reach, statement, Looks(3, 12)).tests == [*soon, "y::two", "x::dear"]
    assert choose_twice(reach, statement, Looks(3, 12)).reaching == 5


def test_half_of_a_small_budget_is_for_the_shortest_of_all() -> None:
    tests = [*(seen(f"x::{number}", 0.125) for number in range(8)), seen("y::dear", 10)]
    reach = Reach(tests, {DEVICE: {5: {one.test for one in tests}}})
    assert choose(reach, [Statement(DEVICE, 5, 5)], 2).tests == [*(f"x::{number}" for number in range(8)), "y::dear"]
    assert choose(reach, [Statement(DEVICE, 5, 5)], 1).tests == [*(f"x::{number}" for number in range(4)), "y::dear"]


def test_a_test_costs_what_it_takes_to_start_the_guests_that_it_shares() -> None:
    tests = [seen("x::starts", 5, starts=2), seen("x::shares", 0.1), seen("x::too", 0.1), seen("y::own", 1, starts=1)]
    reached = {DEVICE: {5: {"x::shares", "x::too", "y::own"}, 6: {"x::starts"}}}
    statement = [Statement(DEVICE, 5, 5)]
    # Two of x cost 5.2 s, as the guests have to be started for them, and only 0.2 s without that.
    assert choose(Reach(tests, reached), statement, 6.2).tests == ["y::own", "x::shares", "x::too"]
    assert choose(Reach(tests, reached), statement, 2.4).tests == ["y::own", "x::shares"]
    tests[0] = seen("x::starts", 5, "b", starts=2)
    assert choose(Reach(tests, reached), statement, 2.4).tests == ["x::shares", "x::too", "y::own"]


def test_where_there_is_no_time_a_module_gives_one_test_on_one_bench_if_the_source_knows_no_architecture() -> None:
    tests = [seen(f"{module}::t[{bench}]", 9, bench, release=bench) for module in "xy" for bench in "ab"]
    lines = {5: {one.test for one in tests}}
    reach = Reach(tests, {DEVICE: lines, MACHINE: lines})
    assert choose(reach, [Statement(DEVICE, 5, 5)], 1).tests == ["x::t[a]", "y::t[a]"]
    assert choose(reach, [Statement(MACHINE, 5, 5)], 1).tests == ["x::t[a]", "x::t[b]", "y::t[a]", "y::t[b]"]


def test_what_has_to_notice_comes_first_and_leaves_a_share_to_the_others() -> None:
    """However small the budget is, one test at least of those that have to notice is tried."""
    tests = [seen("x::dear", 9), seen("x::cheap", 1), seen("y::one", 2), seen("y::two", 2)]
    reach = Reach(tests, {DEVICE: {5: {one.test for one in tests}}})
    statement = [Statement(DEVICE, 5, 5)]

    def first(one: Seen) -> bool:
        return one.test.startswith("x::")

    assert choose(reach, statement, 12, first).tests == ["x::cheap", "y::one", "y::two"]
    assert choose(reach, statement, 14, first).tests == ["x::dear", "x::cheap", "y::one", "y::two"]
    assert choose(reach, statement, 0, first).tests == ["x::cheap"]
    # However much the first ones take, and no more than there is room for.
    assert choose(reach, statement, 8, lambda one: one.test == "x::dear").tests == ["x::dear", "x::cheap"]
    assert choose(reach, statement, 10, lambda _: True).tests == choose(reach, statement, 10).tests


def test_what_is_drawn_together_counts_together() -> None:
    """The first test of a setting has drawn for all of them, and any of them would have."""
    tests = [
        seen(f"x::{name}[a-{place}]", cost, drawn=True)
        for place in ("pci", "mmio")
        for name, cost in (("t", 9), ("u", 0))
    ]
    statement = [Statement(MACHINE, 5, 5)]
    reach = Reach(tests, {MACHINE: {5: {"x::u[a-pci]", "x::u[a-mmio]"}, 9: {"x::t[a-pci]", "x::t[a-mmio]"}}})
    assert choose(reach, statement, 18).tests == ["x::u[a-pci]", "x::u[a-mmio]"]
    assert len(choose(reach, statement, 17).tests) == 1
    everything = Reach(tests, {MACHINE: {5: {one.test for one in tests}}})
    assert (
        choose(everything, statement, 9).tests
        == choose(everything, statement, 1).tests
        == ["x::t[a-pci]", "x::u[a-pci]"]
    )


def test_tests_that_have_the_name_of_their_requirement_share_what_they_try() -> None:
    tests = [
        Seen(f"x::t[{start}-{one}]", [one], "a", {}, cost, "pass", 0, drawn=True)
        for start in ("short", "long")
        for one, cost in (("SHM-PROF-02", 9.0), ("SHM-PROF-04", 0.0))
    ]
    reach = Reach(tests, {DEVICE: {5: {one.test for one in tests}}})
    both = ["x::t[short-SHM-PROF-02]", "x::t[short-SHM-PROF-04]"]
    assert choose(reach, [Statement(DEVICE, 5, 5)], 9).tests == both


def test_what_was_drawn_for_one_test_is_judged_by_all() -> None:
    """Whatever a defect shows there is noticed, be it about something else than its own group."""
    tests = [seen(f"x::{name}[a-pci]", 9, drawn=True) for name in "tuv"]
    reach = Reach(tests, {DEVICE: {5: {one.test for one in tests}}})
    first = choose(reach, [Statement(DEVICE, 5, 5)], 0, lambda one: one.test == "x::u[a-pci]").tests
    assert first == ["x::u[a-pci]", "x::t[a-pci]", "x::v[a-pci]"]


def test_only_tests_that_run_the_statement_and_pass() -> None:
    tests = [seen("x::here", 1), seen("x::there", 1), seen("x::skipped", 1, verdict="skipped")]
    reach = Reach(tests, {DEVICE: {5: {"x::here", "x::skipped"}, 9: {"x::there"}}})
    assert choose(reach, [Statement(DEVICE, 4, 6)], 100).tests == ["x::here"]
    assert choose(reach, [Statement(DEVICE, 4, 6), Statement(DEVICE, 9, 9)], 100).reaching == 2
    assert choose(reach, [Statement(DEVICE, 7, 8)], 100).tests == []
    assert choose(reach, [Statement("emulator/device/rules.py", 5, 5)], 100).tests == []


def test_what_runs_before_the_first_test_is_reached_by_all() -> None:
    reach = Reach([seen("x::one", 1), seen("x::two", 1)], {DEVICE: {5: {""}}})
    assert choose(reach, [Statement(DEVICE, 5, 5)], 100).tests == ["x::one", "x::two"]


def test_architectures_are_twins_where_the_source_knows_none() -> None:
    tests = [seen("x::t[a-pci]", 3, "a"), seen("x::u[a-pci]", 1, "a"), seen("x::t[b-pci]", 1, "b")]
    lines = {5: {one.test for one in tests}}
    reach = Reach(tests, {DEVICE: lines, MACHINE: lines})
    assert choose(reach, [Statement(DEVICE, 5, 5)], 4.9).tests == ["x::u[a-pci]", "x::t[b-pci]"]
    assert len(choose(reach, [Statement(MACHINE, 5, 5)], 100).tests) == 3
    # Where there is time for all, none is left out.
    assert len(choose(reach, [Statement(DEVICE, 5, 5)], 5).tests) == 3
    # What is drawn is something else on each bench: it takes turns, and stays together in each setting.
    drawn = [
        seen(f"x::{name}[{bench}-{place}]", 1, bench, drawn=True)
        for name in "tu"
        for bench in "ab"
        for place in ("pci", "mmio")
    ]
    chosen = choose(Reach(drawn, {DEVICE: {5: {one.test for one in drawn}}}), [Statement(DEVICE, 5, 5)], 7).tests
    assert sorted(chosen) == ["x::t[a-mmio]", "x::t[b-pci]", "x::u[a-mmio]", "x::u[b-pci]"]
    # A bench with other readings is no twin.
    other = [*tests[:2], seen("x::t[b-pci]", 1, "b", release="8.0")]
    twins = [seen("x::v[a-pci]", 50, "a"), seen("x::v[b-pci]", 50, "b")]
    all_of_them = {5: {one.test for one in (*other, *twins)}}
    assert len(choose(Reach([*other, *twins], {DEVICE: all_of_them}), [Statement(DEVICE, 5, 5)], 60).tests) == 4


def test_a_record_of_another_harness_is_refused(tmp_path: Path) -> None:
    (tmp_path / CASES).write_text("[]")
    data = CoverageData(str(tmp_path / "lines.1"))
    data.add_lines({"/elsewhere/harness/emulator/device/rules.py": [5]})
    data.write()
    with pytest.raises(UsageError, match="made with another harness: it has lines of /elsewhere/"):
        read([tmp_path])
