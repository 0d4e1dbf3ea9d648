# SPDX-License-Identifier: Apache-2.0
"""Is the clock of a guest right, and how far is another's ahead? A figure that a wrong clock has taken is none."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Offset:
    """How far another guest's clock is ahead of one's own, by exchanges before and after what is timed.

    The clocks need not run at the same rate: in between, what one is ahead of the other grows evenly.
    """

    first: Exchange
    last: Exchange

    @property
    def uncertain(self) -> float:
        """By how many nanoseconds it may be wrong."""
        return max(self.first.uncertain, self.last.uncertain)

    def own(self, answered: int) -> float:
        """What one's own clock said when the other one said this."""
        begin, end = self.first.answered, self.last.answered
        share = (answered - begin) / (end - begin) if end > begin else 0.0
        return answered - (self.first.ahead + share * (self.last.ahead - self.first.ahead))


def check(first: Reading, last: Reading) -> ClockCheck:
    """Hold the time between two readings of a guest's clock against the harness's."""
    return ClockCheck(last.guest - first.guest, max(last.before - first.after, 0.0), last.after - first.before)
