# SPDX-License-Identifier: Apache-2.0
"""The statistics hold for all series, and tell a known truth where there is one."""

from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure import statistics as ours
from harness.measure.baseline import Figure, compare
from harness.measure.clock import Reading, check

VALUES = st.floats(min_value=-1e9, max_value=1e9, allow_subnormal=False)
SPEEDS = st.floats(min_value=1e-3, max_value=1e9)
SERIES = st.lists(VALUES, min_size=1, max_size=60)


@given(SERIES)
def test_median_is_that_of_the_standard_library(samples: list[float]) -> None:
    assert ours.median(samples) == pytest.approx(statistics.median(samples), rel=1e-12, abs=1e-9)


@given(SERIES, st.floats(min_value=0, max_value=1), st.floats(min_value=0, max_value=1))
def test_percentiles_rise_and_stay_inside(samples: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert min(samples) <= ours.percentile(samples, low) <= ours.percentile(samples, high) <= max(samples)


@given(SERIES, st.randoms())
def test_order_does_not_matter(samples: list[float], order: random.Random) -> None:
    shuffled = samples.copy()
    order.shuffle(shuffled)
    assert ours.summarise(shuffled) == ours.summarise(samples)


@given(SERIES)
def test_percentile_agrees_with_the_standard_library(samples: list[float]) -> None:
    if len(samples) > 1:
        expected = statistics.quantiles(samples, n=4, method="inclusive")
        found = [ours.percentile(samples, q) for q in (0.25, 0.5, 0.75)]
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("n", "p95", "p99"), [(19, False, False), (20, True, False), (99, True, False), (100, True, True)]
)
def test_percentile_needs_samples_behind_it(n: int, p95: bool, p99: bool) -> None:
    summary = ours.summarise([float(value) for value in range(n)])
    assert (summary.p95 is not None, summary.p99 is not None) == (p95, p99)
    assert summary.n == n


def test_one_outlier_moves_neither_median_nor_mad() -> None:
    assert ours.summarise([1.0, 2.0, 3.0, 4.0, 1000.0]).median == 3.0
    assert ours.mad([1.0, 2.0, 3.0, 4.0, 1000.0]) == 1.0


@pytest.mark.parametrize("q", [-0.1, 1.1])
def test_share_outside_of_its_range(q: float) -> None:
    with pytest.raises(ValueError, match="not between"):
        ours.percentile([1.0], q)


def test_no_samples() -> None:
    for function in (ours.median, ours.mad, ours.summarise):
        with pytest.raises(ValueError, match="at least one sample"):
            function([])


@given(st.lists(SPEEDS, min_size=1, max_size=30), st.floats(min_value=0.1, max_value=10))
def test_common_drift_cancels(drift: list[float], factor: float) -> None:
    ratio = ours.ratio_of_interleaved([factor * value for value in drift], drift)
    assert ratio.median == pytest.approx(factor)
    assert ratio.mad == pytest.approx(0, abs=1e-9)
    assert ratio.n == len(drift)


@given(st.lists(st.tuples(SPEEDS, SPEEDS), min_size=1, max_size=40))
def test_interval_holds_the_median(pairs: list[tuple[float, float]]) -> None:
    ratio = ours.ratio_of_interleaved([above for above, _ in pairs], [below for _, below in pairs])
    if ratio.low is None or ratio.high is None:
        assert len(pairs) < 6
    else:
        assert ratio.low <= ratio.median <= ratio.high


def test_interval_covers_as_often_as_it_says() -> None:
    draw = random.Random(4)
    covered = 0
    for _ in range(2000):
        interval = ours.median_interval([draw.expovariate(1.0) for _ in range(15)])
        assert interval is not None
        covered += interval[0] <= 0.6931 <= interval[1]
    # The exact coverage for 15 samples is 96.5 %; 2000 draws stray by half a per cent (one sigma).
    assert 0.945 <= covered / 2000 <= 0.985


@pytest.mark.parametrize(("n", "expected"), [(5, None), (6, (0, 5)), (8, (0, 7)), (9, (1, 7)), (15, (3, 11))])
def test_interval_of_few_samples(n: int, expected: tuple[float, float] | None) -> None:
    """The ranks that tables of the sign test give for 95 %."""
    assert ours.median_interval([float(value) for value in range(n)]) == expected


@pytest.mark.parametrize(
    ("candidate", "reference", "expected"),
    [([1.0], [1.0, 2.0], "cannot be paired"), ([1.0], [0.0], "not above zero"), ([], [], "at least one")],
)
def test_series_that_make_no_ratio(candidate: list[float], reference: list[float], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        ours.ratio_of_interleaved(candidate, reference)


@given(SPEEDS, st.floats(min_value=-0.049, max_value=0.049), st.sampled_from(["higher", "lower"]))
def test_small_changes_are_none(old: float, relative: float, better: str) -> None:
    assert compare(Figure(old), Figure(old * (1 + relative)), better).verdict == "same"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("new", "better", "verdict"),
    [(110.0, "higher", "better"), (90.0, "higher", "worse"), (110.0, "lower", "worse"), (90.0, "lower", "better")],
)
def test_direction_of_a_change(new: float, better: str, verdict: str) -> None:
    assert compare(Figure(100.0), Figure(new), better).verdict == verdict  # type: ignore[arg-type]


def test_noise_widens_the_tolerance() -> None:
    assert compare(Figure(100.0), Figure(88.0), "higher").verdict == "worse"
    assert compare(Figure(100.0, 0.03), Figure(88.0, 0.03), "higher").verdict == "same"


def test_old_value_of_zero() -> None:
    with pytest.raises(ValueError, match="not above zero"):
        compare(Figure(0.0), Figure(1.0), "higher")


@given(st.lists(SPEEDS, min_size=1, max_size=300), st.integers(min_value=2, max_value=100))
def test_thinned_samples_keep_their_ends(samples: list[float], most: int) -> None:
    thinned = ours.quantiles(samples, most)
    assert len(thinned) == min(len(samples), most)
    assert (thinned[0], thinned[-1]) == (min(samples), max(samples))
    assert thinned == sorted(thinned)


def test_percentiles_need_samples_behind_them() -> None:
    few, many = ([float(n) for n in range(1, count + 1)] for count in (50, 2000))
    assert list(ours.distribution(few)) == ["min", "p50", "p90", "max"]
    assert tuple(ours.distribution(many)) == ours.PERCENTILES
    assert ours.distribution(many)["p99.9"] == pytest.approx(1998, abs=1)


@given(st.lists(SPEEDS, min_size=6, max_size=40))
def test_the_spread_of_a_median_is_that_of_its_interval(samples: list[float]) -> None:
    interval = ours.median_interval(samples)
    assert interval is not None
    expected = (interval[1] - interval[0]) / 2 / ours.median(samples)
    assert ours.median_spread(samples) == pytest.approx(expected)
    assert ours.median_spread(samples[:5]) is None


@pytest.mark.parametrize(
    ("guest", "right"), [(10.0, True), (10.09, True), (9.91, True), (10.3, False), (9.7, False), (0.0, False)]
)
def test_a_clock_is_right_when_it_may_be(guest: float, right: bool) -> None:
    """Ten seconds of the harness's clock, give or take a tenth for the way there and back."""
    checked = check(Reading(100.0, 5.0, 100.1), Reading(110.05, 5.0 + guest, 110.15))
    assert checked.right == right
    assert checked.text.startswith("wrong") != right


def test_a_clock_that_was_watched_for_no_time_at_all_is_not_wrong() -> None:
    assert check(Reading(1.0, 5.0, 1.5), Reading(1.1, 5.2, 1.6)).right
