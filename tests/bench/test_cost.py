# SPDX-License-Identifier: Apache-2.0
"""What a run says of its own cost."""

from __future__ import annotations

import pytest

from harness.arch import ARCHES, Arch
from harness.bench.bare import bare_start
from harness.errors import BenchError
from harness.events import START, Action, CaseStarted
from harness.runs.cost import Meter, Spent, lines

BENCHES: dict[str, Arch] = {"arm": "aarch64", "arm 8.0": "aarch64", "pc": "x86_64"}
BARE: dict[Arch, float] = {"aarch64": 0.055, "x86_64": 0.135}


def test_the_cost_is_told_beside_that_of_bare_starts() -> None:
    spent = Spent(857.0, 1021.5, {"arm": 400, "arm 8.0": 300, "pc": 770, "board": 5}, 4285)
    assert list(lines(spent, BENCHES, BARE.__getitem__)) == [
        "processor time: 857.0 s in 1021.5 s",
        "bare guest starts: 142.4 s (700 aarch64 x 55 ms, 770 x86_64 x 135 ms); ratio 6.02",
        "access verdicts: 4285, 5.0 per second of processor time",
    ]


def test_a_run_on_boards_alone_measures_no_bare_start() -> None:
    def never(arch: Arch) -> float:
        raise AssertionError(arch)

    assert list(lines(Spent(2.0, 90.0, {"board": 12}, 0), BENCHES, never)) == ["processor time: 2.0 s in 90.0 s"]


def test_a_bare_start_that_fails_takes_nothing_from_the_run() -> None:
    def broken(arch: Arch) -> float:
        raise BenchError(f"no {arch}")

    told = list(lines(Spent(2.0, 3.0, {"pc": 1}, 10), BENCHES, broken))
    assert told == [
        "processor time: 2.0 s in 3.0 s",
        "bare guest starts: not measured: no x86_64",
        "access verdicts: 10, 5.0 per second of processor time",
    ]


def test_starts_are_counted_by_bench_and_time_from_the_beginning() -> None:
    now = iter([100.0, 130.0])
    used = iter([7.0, 12.5])
    meter = Meter(lambda: next(now), lambda: next(used))
    for bench in ("arm", "pc", "arm"):
        meter(Action(what=START, bench=bench, guest="guest0"))
    meter(Action(what="upload", bench="arm"))
    meter(CaseStarted(case="test_1"))
    assert meter.spent(3) == Spent(5.5, 30.0, {"arm": 2, "pc": 1}, 3)


@pytest.mark.parametrize("arch", ARCHES)
def test_a_bare_start_takes_some_of_the_processor(arch: Arch) -> None:
    """Not less than a millisecond, or somebody else's time was measured."""
    assert 0.001 < bare_start(arch, 1) < 60
