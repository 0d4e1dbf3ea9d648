# SPDX-License-Identifier: Apache-2.0
"""Statistics for small, noisy series: robust, with confidence intervals.

A shared machine gives series with outliers on one side and with drift. Medians and medians of pairs stand both; means
and standard deviations do not, so there are none here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PERCENTILES: Final = ("min", "p50", "p90", "p99", "p99.9", "max")
"""What tells a distribution of times, by the names that reports give it."""


@dataclass(frozen=True)
class Summary:
    """A series in a few numbers, all but ``n`` in the unit of the samples.

    A percentile that fewer samples than 1 / (1 - q) stand behind is None: the 99th of 20 samples is only their maximum.
    ``mad`` is the median absolute deviation, ``iqr`` the distance of the quartiles.
    """

    n: int
    minimum: float
    median: float
    maximum: float
    mad: float
    iqr: float
    p95: float | None
    p99: float | None


@dataclass(frozen=True)
class Ratio:
    """The ratio of two series that were measured in turn: median of the pairs' ratios, and its 95 % interval.

    ``low`` and ``high`` are None when there are too few pairs for an interval.
    """

    n: int
    median: float
    mad: float
    low: float | None
    high: float | None


def percentile(samples: Sequence[float], q: float) -> float:
    """The value below which the share ``q`` (0 to 1) of the samples lies, interpolated between neighbours.

    Raises ValueError for no samples and for q outside of 0 to 1.
    """
    if not samples:
        raise ValueError("a percentile needs at least one sample")
    if not 0 <= q <= 1:
        raise ValueError(f"the share {q} is not between 0 and 1")
    ordered = sorted(samples)
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    low, high = ordered[below], ordered[above]
    # The form low + (high - low) * part may leave the interval by rounding.
    return low if low == high else min(max(low + (high - low) * (position - below), low), high)


def median(samples: Sequence[float]) -> float:
    """The middle of the samples. Raises ValueError for no samples."""
    return percentile(samples, 0.5)


def mad(samples: Sequence[float]) -> float:
    """The median distance of the samples from their median. Raises ValueError for no samples."""
    middle = median(samples)
    return median([abs(sample - middle) for sample in samples])


def summarise(samples: Sequence[float]) -> Summary:
    """A series in a few numbers. Raises ValueError for no samples."""
    return Summary(
        n=len(samples),
        minimum=min(samples, default=math.nan),
        median=median(samples),
        maximum=max(samples),
        mad=mad(samples),
        iqr=percentile(samples, 0.75) - percentile(samples, 0.25),
        p95=_supported(samples, 0.95),
        p99=_supported(samples, 0.99),
    )


def ratio_of_interleaved(candidate: Sequence[float], reference: Sequence[float]) -> Ratio:
    """How the candidate compares with the reference, when both were measured in turn (c0 r0 c1 r1 ...).

    Each candidate sample is divided by the reference sample of the same time, so that drift of the machine (clock,
    neighbours) hits both and cancels. Raises ValueError for series of different lengths, empty series, and reference
    samples that are not above zero.
    """
    if len(candidate) != len(reference):
        raise ValueError(f"{len(candidate)} samples cannot be paired with {len(reference)}")
    if any(sample <= 0 for sample in reference):
        raise ValueError("a reference sample is not above zero")
    ratios = [above / below for above, below in zip(candidate, reference, strict=True)]
    interval = median_interval(ratios)
    low, high = interval or (None, None)
    return Ratio(len(ratios), median(ratios), mad(ratios), low, high)


def median_interval(samples: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """An interval that holds the true median with at least ``confidence``, for any distribution; None if the
    samples are too few.

    The bounds are order statistics: the chance that the median lies below the k-th smallest of n samples is that of
    fewer than k heads in n throws of a coin.
    """
    n = len(samples)
    allowed = (1 - confidence) / 2
    tail, rank = 0.0, 0
    while rank < n:
        tail += math.comb(n, rank) * 0.5**n
        if tail > allowed:
            break
        rank += 1
    if rank == 0:
        return None
    ordered = sorted(samples)
    return ordered[rank - 1], ordered[n - rank]


def spread(middle: float, low: float | None, high: float | None) -> float | None:
    """Half the width of a 95 % interval, relative to its middle: how well a figure is known; None if it is not."""
    return None if low is None or high is None or middle == 0 else (high - low) / 2 / abs(middle)


def median_spread(samples: Sequence[float]) -> float | None:
    """The same for the median of samples; None when they are too few."""
    interval = median_interval(samples) if samples else None
    return spread(median(samples), *interval) if interval else None


def quantiles(samples: Sequence[float], most: int) -> list[float]:
    """At most so many samples in rising order that have the same distribution; the smallest and the largest stay."""
    ordered = sorted(samples)
    if len(ordered) <= most:
        return ordered
    return [ordered[round(index * (len(ordered) - 1) / (most - 1))] for index in range(most)]


def distribution(samples: Sequence[float]) -> dict[str, float]:
    """The percentiles that tell a latency, by name; those with fewer than one sample behind them are left out."""
    found = {"min": min(samples), "p50": median(samples)}
    for name, share in (("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)):
        value = _supported(samples, share)
        if value is not None:
            found[name] = value
    return found | {"max": max(samples)}


def _supported(samples: Sequence[float], q: float) -> float | None:
    return percentile(samples, q) if len(samples) * (1 - q) >= 1 - 1e-9 else None
