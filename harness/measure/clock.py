# SPDX-License-Identifier: Apache-2.0
"""Is the clock of a guest right, and how far is another's ahead? A figure that a wrong clock has taken is none."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

TOLERANCE: Final = 0.01
"""A clock that runs 1 % fast or slow is right enough for figures that are noisier."""


@dataclass(frozen=True)
class Reading:
    """A guest's clock said ``guest`` at some moment from ``before`` to ``after`` on the harness's; all in seconds."""

    before: float
    guest: float
    after: float


@dataclass(frozen=True)
class ClockCheck:
    """How many seconds passed on the guest's clock, and at least and at most on the harness's."""

    guest: float
    least: float
    most: float

    @property
    def right(self) -> bool:
        """Whether the guest's clock may agree with the harness's; how well is known by the time that was watched."""
        return self.least * (1 - TOLERANCE) <= self.guest <= self.most * (1 + TOLERANCE)

    @property
    def text(self) -> str:
        """For people."""
        between = f"{self.guest:.3f} s of the guest's clock in {self.least:.3f} to {self.most:.3f} s of the harness's"
        return between if self.right else f"wrong: {between}"


@dataclass(frozen=True)
class Exchange:
    """One guest's clock said ``asked`` and later ``heard``; another one's said ``answered`` in between. Nanoseconds."""

    asked: int
    answered: int
    heard: int

    @property
    def ahead(self) -> float:
        """How far the other clock is ahead, at best."""
        return self.answered - (self.asked + self.heard) / 2

    @property
    def uncertain(self) -> float:
        """By how much that may be wrong."""
        return (self.heard - self.asked) / 2


class Offset:
    """How far another guest's clock is ahead of one's own, by some exchanges over the time.

    The clocks need not run at the same rate: between two exchanges, what one is ahead of the other grows evenly.
    """

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._known = sorted(exchanges, key=lambda exchange: exchange.answered)

    def covers(self, first: int, last: int) -> bool:
        """Whether there are exchanges before and after what the other clock says so."""
        return bool(self._known) and self._known[0].answered <= first and last <= self._known[-1].answered

    def own(self, answered: int) -> float:
        """What one's own clock said when the other one, in the time that is covered, said this."""
        after = max(1, bisect_left(self._known, answered, key=lambda exchange: exchange.answered))
        one, other = self._known[after - 1], self._known[min(after, len(self._known) - 1)]
        span = other.answered - one.answered
        share = (answered - one.answered) / span if span else 0.0
        return answered - (one.ahead + share * (other.ahead - one.ahead))


def check(first: Reading, last: Reading) -> ClockCheck:
    """Hold the time between two readings of a guest's clock against the harness's."""
    return ClockCheck(last.guest - first.guest, max(last.before - first.after, 0.0), last.after - first.before)
