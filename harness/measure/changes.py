# SPDX-License-Identifier: Apache-2.0
"""Where in a series of nights a figure has changed for good.

The series is cut into the parts whose nights lie closest to the medians of their parts, where each further part has to
be worth its price (optimal partitioning with absolute deviations). How far nights stray is taken from what they say of
themselves and from how much neighbours differ, which a step among them hardly moves. Logarithms are compared, so that
changes are relative.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from harness.measure.history import Key, Night
from harness.measure.statistics import mad, median

LEAST: Final = 0.05
"""A change below 5 % is never reported."""

WATCHED: Final = 60
"""So many nights are looked back."""

_PRICE: Final = 14.0
"""Of a further part, in the unit of the deviations: one night alone has to stray by ten sigma, each of two by five."""

_MAD_TO_SIGMA: Final = 1.4826
_INTERVAL_TO_SIGMA: Final = 1.96
_LEAST_SIGMA: Final = 0.005
_FEW: Final = 5
# So much do two nights of one commit differ that nobody has watched for longer.
_UNKNOWN_SIGMA: Final = 0.02


@dataclass(frozen=True)
class Step:
    """A figure changed in the night of ``run``: the medians of the nights before, since an earlier step, and after."""

    run: str
    started: str
    source: str
    before: float
    after: float

    @property
    def relative(self) -> float:
        """after / before - 1"""
        return self.after / self.before - 1


@dataclass(frozen=True)
class Regression:
    """A figure that is worse since the night of ``step``, and has not come back."""

    key: Key
    step: Step

    def __str__(self) -> str:
        block = f" {self.key.block} bytes" if self.key.block else ""
        return (
            f"regressed: {self.key.name}{block}, {self.key.site.bench} {self.key.site.way}:"
            f" {100 * self.step.relative:+.1f} % since {self.step.run} ({self.step.started[:10]})"
        )


def steps(nights: Sequence[Night]) -> list[Step]:
    """The steps of a series, the oldest first. Nights whose figure was too noisy are left out."""
    known = [night for night in nights if night.believed and night.value > 0][-WATCHED:]
    if len(known) < 2:
        return []
    values = [math.log(night.value) for night in known]
    cuts = _telling(values, _cuts(values, _sigma(values, known)))
    edges = [0, *cuts, len(values)]
    parts = [median(values[low:high]) for low, high in pairwise(edges)]
    return [
        Step(known[cut].run, known[cut].started, known[cut].source, math.exp(parts[index]), math.exp(parts[index + 1]))
        for index, cut in enumerate(cuts)
    ]


def regressions(series: Mapping[Key, Sequence[Night]], run: str) -> list[Regression]:
    """Figures of ``run`` that are worse since a step, the largest change first.

    A figure is worse when its last part is worse than the one before; the night that is named is the first of it.
    """
    found = []
    for key, nights in series.items():
        seen = [night for night in nights if night.believed]
        if not seen or seen[-1].run != run:
            continue
        changes = steps(nights)
        if changes and _worse(changes[-1], key):
            found.append(Regression(key, changes[-1]))
    return sorted(found, key=lambda one: (-abs(math.log1p(one.step.relative)), one.key))


def _worse(step: Step, key: Key) -> bool:
    return (step.after < step.before) == (key.better == "higher")


def _sigma(values: Sequence[float], nights: Sequence[Night]) -> float:
    """How far one night strays: as far as neighbours differ, and at least as far as the nights say themselves.

    Of a few nights it is not known how much they differ, so nothing less than what is usual is believed.
    """
    within = median([(night.noise or 0.0) / _INTERVAL_TO_SIGMA for night in nights])
    if len(values) < _FEW:
        return max(_UNKNOWN_SIGMA, math.hypot(within, _UNKNOWN_SIGMA))
    neighbours = [after - before for before, after in pairwise(values)]
    between = _MAD_TO_SIGMA * mad(neighbours) / math.sqrt(2)
    return max(between, within, _LEAST_SIGMA)


def _cuts(values: Sequence[float], sigma: float) -> list[int]:
    """Where the series is cut. A single night is a part at its ends alone: in between it is one bad night."""
    unit = sigma / math.sqrt(2)
    cheapest: list[tuple[float, list[int]]] = [(-_PRICE, [])]
    for end in range(1, len(values) + 1):
        best = (math.inf, [0])
        for begin in range(end):
            if end - begin == 1 and begin > 0 and end < len(values):
                continue
            before, cuts = cheapest[begin]
            cost = before + _PRICE + _strays(values[begin:end]) / unit
            if cost < best[0]:
                best = (cost, [*cuts, begin] if begin else [])
        cheapest.append(best)
    return cheapest[-1][1]


def _telling(values: Sequence[float], cuts: Sequence[int]) -> list[int]:
    """The cuts at which the medians differ by more than the least change."""
    kept: list[int] = []
    for index, cut in enumerate(cuts):
        begin, end = kept[-1] if kept else 0, cuts[index + 1] if index + 1 < len(cuts) else len(values)
        if abs(median(values[cut:end]) - median(values[begin:cut])) >= math.log1p(LEAST):
            kept.append(cut)
    return kept


def _strays(values: Sequence[float]) -> float:
    middle = median(values)
    return sum(abs(value - middle) for value in values)
