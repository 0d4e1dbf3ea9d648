# SPDX-License-Identifier: Apache-2.0
"""The ways of a signal, timed by the clocks of two guests."""

from __future__ import annotations

import pytest

from fixtures.figures.ways import Ways, settled
from harness.guest.probe_figures import Signals
from harness.guest.probe_measurements import RoundTrips, Timing
from harness.measure.clock import Exchange, Offset


def test_the_moment_of_an_answer_lies_between_question_and_hearing() -> None:
    seen = Exchange(asked=1000, answered=5300, heard=1400)
    assert (seen.ahead, seen.uncertain) == (4100, 200)


def other(own: int) -> int:
    """A clock that is 7000 ahead at 0 and gains a tenth of a percent."""
    return 7000 + own + own // 1000


def asked(own: int, uncertain: int = 10) -> Exchange:
    return Exchange(own - uncertain, other(own), own + uncertain)


@pytest.mark.parametrize("own", [1000, 2000, 60_000, 100_500, 150_000, 201_000])
def test_clocks_may_differ_in_their_rates(own: int) -> None:
    offset = Offset([asked(201_000), asked(1000), asked(101_000)])
    assert offset.own(other(own)) == pytest.approx(own, abs=2)


def test_nothing_is_known_before_the_first_exchange_and_after_the_last() -> None:
    offset = Offset([asked(1000), asked(9000)])
    assert offset.covers(other(1000), other(9000))
    assert not offset.covers(other(999), other(9000))
    assert not offset.covers(other(1000), other(9001))
    assert not Offset([]).covers(1, 1)


TIMING = Timing(2, 1, 1, 1, 1, 1, 1, 1)


def batch(begin: int, *uncertain: int) -> Signals:
    """Two round trips of 100 and 120 microseconds, 60 and 70 of it there, between exchanges that are so uncertain."""
    begins = (begin, begin + 200_000)
    taken = (other(begin + 60_000), other(begin + 270_000))
    exchanges = (asked(begin - 50_000, uncertain[0]), asked(begin + 400_000, uncertain[1]))
    return Signals(RoundTrips(TIMING, False, 2, ()), begins, (100_000, 120_000), taken, exchanges)


def shown(ways: Ways) -> tuple[list[float], list[float], list[float]]:
    there, back, both = ([round(time, 1) for time in times] for times in (ways.there, ways.back, ways.around))
    return there, back, both


def test_each_way_has_its_time() -> None:
    ways, note = settled([(batch(1_000_000, 300, 250),)])
    assert shown(ways[0][0]) == ([60, 70], [40, 50], [100, 120])
    assert note == "clocks of the guests compared through memory, to 0.30 us"


def test_an_exchange_that_tells_little_is_replaced_by_its_neighbours() -> None:
    """More than a tenth of half a round trip is too little; what is before the first or after the last is left out."""
    far = 5501
    batches = [(batch(begin, *uncertain),) for begin, uncertain in (
        (1_000_000, (far, 5500)), (2_000_000, (10, far)), (3_000_000, (far, far)), (4_000_000, (far, 10)),
    )]  # fmt: skip
    ways, note = settled(batches)
    assert [shown(one)[0] for (one,) in ways] == [[60, 70]] * 3
    assert note == "clocks of the guests compared through memory, to 5.50 us; batches left out: 1"


def test_without_enough_of_them_a_way_is_half_of_both_and_that_is_said() -> None:
    good, bad = batch(1_000_000, 10, 10), batch(1_000_000, 30_000, 30_000)
    for batches in ([(bad,), (bad,)], [(good, bad), (good, bad)]):
        ways, note = settled(batches)
        assert shown(ways[0][0]) == ([50, 60], [50, 60], [100, 120])
        assert note.startswith("half of the round trip")
