# SPDX-License-Identifier: Apache-2.0
"""The figures of a run for the history, and what of it has become worse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.measure.baseline import ChangePoint
from harness.measure.changes import WATCHED, regressions, steps
from harness.measure.history import FILE, History, Key, Night
from harness.report.evidence.model import Metric, Report
from harness.report.figures.records import FigureHistory
from harness.report.pages.trend import telling_value


def remember(reports: Path, report: Report) -> list[FigureHistory]:
    """Add a run's figures to the history in the folder of reports; returns each over the nights up to this one.

    Raises BenchError when the file cannot be used.
    """
    history = History(reports / FILE)
    history.add(entries(report))
    series = {key: nights for key, nights in history.series().items() if nights[-1].run == report.run.id}
    worse = {one.key: one.step for one in regressions(series, report.run.id)}
    return [_told(key, nights[-WATCHED:], worse.get(key)) for key, nights in series.items()]


def entries(report: Report) -> Iterator[tuple[Key, Night]]:
    """Each watched figure: its ratio, which the speed of the machine does not move, and where it has none its value."""
    for metric in report.metrics:
        value = telling_value(metric)
        if metric.watched and value > 0:
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


def _told(key: Key, nights: Sequence[Night], worse: ChangePoint | None) -> FigureHistory:
    return FigureHistory(
        item=key.item,
        name=key.name,
        unit=key.unit,
        site=key.site,
        block_bytes=key.block or None,
        better=key.better,
        nights={night.run: night.value for night in nights},
        too_noisy=[night.run for night in nights if not night.believed],
        changes=steps(nights),
        regressed=worse,
    )


def _key(metric: Metric, item: str) -> Key:
    unit = metric.unit if metric.ratio is None else f"of {metric.against or 'the reference'}"
    return Key(item, metric.name, unit, metric.block_bytes or 0, metric.site, metric.better)


def _item(report: Report, metric: Metric) -> str:
    """What was under test on the figure's bench: figures of another board are another series."""
    return next((item.item for item in report.scope if metric.site.bench in item.benches), "")
