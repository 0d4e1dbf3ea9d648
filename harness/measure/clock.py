# SPDX-License-Identifier: Apache-2.0
"""Is the clock of a guest right? A figure that a wrong clock has taken is none."""

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


def check(first: Reading, last: Reading) -> ClockCheck:
    """Hold the time between two readings of a guest's clock against the harness's."""
    return ClockCheck(last.guest - first.guest, max(last.before - first.after, 0.0), last.after - first.before)
