# SPDX-License-Identifier: Apache-2.0
"""Where in a series of nights a figure has changed for good.

The series is cut into the parts whose nights lie closest to the medians of their parts, where each further part has to
be worth its price (optimal partitioning with absolute deviations). How far a night may stray is taken from what it says
of itself and from how much neighbours differ, which a step among them hardly moves. Logarithms are compared, so that
changes are relative. A night that is too noisy to be believed counts all the same, but only for what it can tell: that
a figure has become a thousandth is certain although that thousandth is not known within half of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from harness.measure.baseline import ChangePoint
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
class Regression:
    """A figure that is worse since the night of ``step``, and has not come back."""

    key: Key
    step: ChangePoint


def steps(nights: Sequence[Night]) -> list[ChangePoint]:
    """The steps of a series, the oldest first."""
    known, parts = _parts(nights)
    return [_step(known, one, other) for one, other in pairwise(parts)]


def regressions(series: Mapping[Key, Sequence[Night]], run: str) -> list[Regression]:
    """Figures of ``run`` that are worse since a step, the largest change first.

    A figure is worse when its last part is worse than an earlier one. The latest of these is what it has come down
    from, and the night that is named is the first one after it.
    """
    found = []
    for key, nights in series.items():
        if not nights or nights[-1].run != run:
            continue
        known, parts = _parts(nights)
        better = [index for index, part in enumerate(parts) if _is_worse(parts[-1].level, part.level, key)]
        if better:
            before, after = parts[better[-1]], parts[better[-1] + 1]
            came_to = _Part(after.begin, parts[-1].level)
            found.append(Regression(key, _step(known, before, came_to)))
    return sorted(found, key=lambda one: (-abs(math.log(one.step.after / one.step.before)), one.key))


@dataclass(frozen=True)
class _Part:
    """Nights from number ``begin`` on whose logarithms have the median ``level``."""

    begin: int
    level: float


def _parts(nights: Sequence[Night]) -> tuple[list[Night], list[_Part]]:
    """The nights that are looked at, and their parts; at least one where there are nights."""
    known = [night for night in nights if night.value > 0][-WATCHED:]
    values = [math.log(night.value) for night in known]
    cuts = _telling(values, _cuts(values, _sigmas(values, known))) if len(known) > 1 else []
    edges = [0, *cuts, len(values)] if known else [0]
    return known, [_Part(begin, median(values[begin:end])) for begin, end in pairwise(edges)]


def _step(nights: Sequence[Night], before: _Part, after: _Part) -> ChangePoint:
    first = nights[after.begin]
    return ChangePoint(first.run, first.started, math.exp(before.level), math.exp(after.level))


def _is_worse(level: float, than: float, key: Key) -> bool:
    down = than - level if key.better == "higher" else level - than
    return down >= math.log1p(LEAST)


def _sigmas(values: Sequence[float], nights: Sequence[Night]) -> list[float]:
    """How far each night may stray: as far as neighbours usually differ, and as far as it says itself.

    Of a few nights it is not known how much they differ, so nothing less than what is usual is believed.
    """
    between = _UNKNOWN_SIGMA
    if len(values) >= _FEW:
        between = max(_LEAST_SIGMA, _MAD_TO_SIGMA * mad([b - a for a, b in pairwise(values)]) / math.sqrt(2))
    return [max(between, (night.noise or 0.0) / _INTERVAL_TO_SIGMA) for night in nights]


def _cuts(values: Sequence[float], sigmas: Sequence[float]) -> list[int]:
    """Where the series is cut. A single night is a part at its ends alone: in between it is one bad night."""
    cheapest: list[tuple[float, list[int]]] = [(-_PRICE, [])]
    for end in range(1, len(values) + 1):
        best = (math.inf, [0])
        for begin in range(end):
            if end - begin == 1 and begin > 0 and end < len(values):
                continue
            before, cuts = cheapest[begin]
            cost = before + _PRICE + _strays(values[begin:end], sigmas[begin:end])
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


def _strays(values: Sequence[float], sigmas: Sequence[float]) -> float:
    """How far the values are from their median, in the unit in which parts have their price."""
    middle = median(values)
    return math.sqrt(2) * sum(abs(value - middle) / sigma for value, sigma in zip(values, sigmas, strict=True))
