# SPDX-License-Identifier: Apache-2.0
"""The figures of a report beside those of earlier reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.measure.baseline import Change, Figure, compare
from harness.report.evidence.model import Metric, Report
from harness.site import Site

MetricKey = tuple[str, str, Site, int]

_SIGMAS_OF_95_PERCENT: Final = 1.96


@dataclass(frozen=True)
class Series:
    """One figure over several runs, oldest first; ``values`` holds (run id, value)."""

    metric: Metric
    values: list[tuple[str, float]]


def metric_key(metric: Metric) -> MetricKey:
    """What makes two figures the same figure of two runs."""
    return (metric.name, metric.unit, metric.site, metric.block_bytes or 0)


def telling_value(metric: Metric) -> float:
    """The ratio, which the speed of the machine does not move, or the value where there is no ratio."""
    return metric.value if metric.ratio is None else metric.ratio


def changes(new: Report, old: Report) -> dict[MetricKey, Change]:
    """How the figures that both reports have moved. A figure without a positive old value is left out."""
    before = {metric_key(metric): metric for metric in old.metrics}
    compared: dict[MetricKey, Change] = {}
    for metric in new.metrics:
        earlier = before.get(metric_key(metric))
        if earlier is None or (metric.ratio is None) != (earlier.ratio is None) or telling_value(earlier) <= 0:
            continue
        compared[metric_key(metric)] = compare(_figure(earlier), _figure(metric), metric.better)
    return compared


def series(reports: Sequence[Report]) -> list[Series]:
    """Each figure of the newest report over all reports that have it, oldest first; only those with three values."""
    ordered = sorted(reports, key=lambda report: report.run.started)
    found: dict[MetricKey, Series] = {}
    for report in ordered:
        for metric in report.metrics:
            entry = found.setdefault(metric_key(metric), Series(metric, []))
            entry.values.append((report.run.id, telling_value(metric)))
    return [entry for entry in found.values() if len(entry.values) >= 3]


def _figure(metric: Metric) -> Figure:
    """What two runs can be compared by: a ratio with its interval.

    Whatever has none moves with the load of the machine from run to run, by more than its samples in one run show
    (observed): its noise is not known, and no change of it is judged here. Change points over many nights judge it.
    """
    value = telling_value(metric)
    if metric.ratio is None or metric.ratio_low is None or metric.ratio_high is None or value <= 0:
        return Figure(value, math.inf)
    return Figure(value, (metric.ratio_high - metric.ratio_low) / 2 / _SIGMAS_OF_95_PERCENT / value)
