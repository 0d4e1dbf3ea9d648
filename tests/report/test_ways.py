# SPDX-License-Identifier: Apache-2.0
"""The ways of a signal, timed by the clocks of two guests."""

from __future__ import annotations

import pytest

from fixtures.figures.ways import Ways, settled
from harness.measure.clock import Exchange, Offset


def test_the_moment_of_an_answer_lies_between_question_and_hearing() -> None:
    seen = Exchange(asked=1000, answered=5300, heard=1400)
    assert (seen.ahead, seen.uncertain) == (4100, 200)


@pytest.mark.parametrize("own", [2000, 60_000, 101_000])
def test_clocks_may_differ_in_their_rates(own: int) -> None:
    """The other one is 7000 ahead at 1000 and gains a tenth of a percent."""

    def other(at: int) -> int:
        return 7000 + at + (at - 1000) // 1000

    first, last = (Exchange(at - 10, other(at), at + 10) for at in (1000, 101_000))
    assert Offset(first, last).own(other(own)) == pytest.approx(own, abs=1)


def test_an_offset_is_as_uncertain_as_the_worse_of_its_exchanges() -> None:
    assert Offset(Exchange(0, 50, 20), Exchange(100, 150, 180)).uncertain == 40


def ways(uncertain: float) -> Ways:
    return Ways(there=(60.0, 70.0), back=(40.0, 50.0), around=(100.0, 120.0), uncertain=uncertain)


def test_batches_with_uncertain_clocks_are_left_out() -> None:
    """A tenth of the shorter way is allowed."""
    good, bad = ways(4.5), ways(4.6)
    batches, note = settled([(good, good), (bad, good), (good, bad), (good, ways(0.25))])
    assert batches == [(good, good), (good, ways(0.25))]
    assert note == "clocks of the guests compared through memory, to 4.50 us, 2 batches left out"
    assert "left out" not in settled([(good,)])[1]


def test_without_enough_of_them_a_way_is_half_of_both_and_that_is_said() -> None:
    good, bad = ways(1.0), ways(30.0)
    batches, note = settled([(good,), (bad,), (bad,)])
    assert [batch[0].there for batch in batches] == [batch[0].back for batch in batches] == [(50.0, 60.0)] * 3
    assert [batch[0].around for batch in batches] == [(100.0, 120.0)] * 3
    assert note.startswith("half of the round trip")
