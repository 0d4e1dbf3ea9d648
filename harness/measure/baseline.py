# SPDX-License-Identifier: Apache-2.0
"""Has a figure changed since an earlier run, or is it the noise of the machine?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

Direction = Literal["higher", "lower"]

_FLOOR: Final = 0.05
"""A change below 5 % is never reported: two runs of the same code on a shared machine differ by as much."""

_SIGMAS: Final = 3.0


@dataclass(frozen=True)
class Figure:
    """A figure of one run: its value, and the relative uncertainty (one sigma) of it, infinite if that is not known."""

    value: float
    noise: float = 0.0


@dataclass(frozen=True)
class Change:
    """How a figure moved: ``relative`` is new / old - 1; ``verdict``: whether that exceeds ``tolerance``."""

    old: float
    new: float
    relative: float
    tolerance: float
    verdict: Literal["same", "better", "worse"]


@dataclass(frozen=True)
class ChangePoint:
    """A figure changed in the night of ``run``, from the median ``before`` to the median ``after``."""

    run: str
    started: str
    before: float
    after: float

    @property
    def relative(self) -> float:
        """after / before - 1"""
        return self.after / self.before - 1


def compare(old: Figure, new: Figure, better: Direction) -> Change:
    """Compare a figure with the one of an earlier run; ``better`` says which way is an improvement.

    Raises ValueError when the old value is not above zero: there is no relative change then.
    """
    if old.value <= 0:
        raise ValueError(f"the old value {old.value} is not above zero")
    relative = new.value / old.value - 1
    tolerance = max(_FLOOR, _SIGMAS * math.hypot(old.noise, new.noise))
    if abs(relative) <= tolerance:
        return Change(old.value, new.value, relative, tolerance, "same")
    improved = (relative > 0) == (better == "higher")
    return Change(old.value, new.value, relative, tolerance, "better" if improved else "worse")
