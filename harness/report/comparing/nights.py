# SPDX-License-Identifier: Apache-2.0
"""The figures of a run for the history, and what of it has become worse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.measure.changes import Regression, regressions
from harness.measure.history import FILE, History, Key, Night
from harness.report.evidence.model import Metric, Report
from harness.report.pages.trend import telling_value


def remember(reports: Path, report: Report) -> list[Regression]:
    """Add a run's figures to the history in the folder of reports; returns which of them are worse than they were.

    Raises BenchError when the file cannot be used.
    """
    history = History(reports / FILE)
    history.add(entries(report))
    return regressions(history.series(), report.run.id)


def entries(report: Report) -> Iterator[tuple[Key, Night]]:
    """Each figure: its ratio, which the speed of the machine does not move, and where it has none its value."""
    for metric in report.metrics:
        value = telling_value(metric)
        if value > 0:
            yield (
                _key(metric, _item(report, metric)),
                Night(
                    report.run.id,
                    report.run.started,
                    report.run.harness_commit,
                    value,
                    metric.noise,
                    believed=not metric.too_noisy,
                ),
            )


def _key(metric: Metric, item: str) -> Key:
    unit = metric.unit if metric.ratio is None else f"of {metric.against or 'the reference'}"
    return Key(item, metric.name, unit, metric.block_bytes or 0, metric.site, metric.better)


def _item(report: Report, metric: Metric) -> str:
    """What was under test on the figure's bench: figures of another board are another series."""
    return next((item.item for item in report.scope if metric.site.bench in item.benches), "")
