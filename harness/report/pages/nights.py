# SPDX-License-Identifier: Apache-2.0
"""Figures over many nights as plots, with the nights in which they changed.

What is shown is relative to the level that a figure began with, so that figures of all sizes stand in one plot. Those
that never changed are there in grey, for they say how far nights stray.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl

from harness.measure.baseline import ChangePoint
from harness.measure.statistics import median
from harness.report.figures.records import FigureHistory
from harness.report.pages import plots
from harness.report.pages.figures import block_size, labels_of
from harness.site import Site

_LEAST_NIGHTS: Final = 3
_MOST_LINES: Final = 6
"""So many can be told from each other."""
_MOST_DATES: Final = 6
_WIDEST_LABEL: Final = 58
_STEADY: Final = "#9aa0a8"
_WIDE_RANGE: Final = 5.0


def history(figures: Sequence[FigureHistory]) -> list[plots.Plot]:
    """One plot for each name of figures that have three nights; those with a regression come first."""
    grouped: dict[str, list[FigureHistory]] = {}
    for each in figures:
        if len(each.nights) >= _LEAST_NIGHTS:
            grouped.setdefault(each.name, []).append(each)
    names = sorted(grouped, key=lambda name: (not any(each.regressed for each in grouped[name]), name))
    return [_plot(name, sorted(grouped[name], key=_weight)) for name in names]


def _plot(name: str, group: Sequence[FigureHistory]) -> plots.Plot:
    runs = sorted({run for each in group for run in each.nights})
    title = f"{name}: over {len(runs)} nights"
    labels = labels_of(each.site for each in group)
    told = [each for each in group if _change(each)][:_MOST_LINES]
    others = group[len(told) :]
    words = [f"{_name(each, labels)}: {_finding(each)}" for each in told]
    rest = _rest(others)
    with mpl.rc_context(plots.SETTINGS):
        figure, axes = plots.canvas("night", "% of the first level")
        for number, each in enumerate(others):
            _line(axes, each, runs, color=_STEADY, linewidth=0.8, label="" if number else rest)
        for index, (each, label) in enumerate(zip(told, words, strict=True)):
            look = plots.look_of(index)
            _line(axes, each, runs, label=textwrap.fill(label, _WIDEST_LABEL), **look)
            _marks(axes, each, runs, look["color"])
        _scale(axes, group)
        shown = range(0, len(runs), math.ceil(len(runs) / _MOST_DATES))
        axes.set_xticks(list(shown), [_date(runs[index]) for index in shown], rotation=30, ha="right")
        document = plots.svg_of(figure, axes)
    return plots.Plot(f"history-{name}", title, document, f"{title}. {'; '.join([*words, *([rest] if rest else [])])}.")


def _change(each: FigureHistory) -> ChangePoint | None:
    """What there is to say of a figure: its regression, else its last change."""
    return each.regressed or (each.changes[-1] if each.changes else None)


def _weight(each: FigureHistory) -> tuple[bool, float]:
    """Regressions first, then other changes, the largest first; what never changed comes last."""
    change = _change(each)
    return (not each.regressed, -abs(math.log(change.after / change.before)) if change else 0.0)


def _finding(each: FigureHistory) -> str:
    change = _change(each)
    if change is None:
        return "no change"
    words = f"{100 * change.relative:+.1f} % since {_date(change.run)}"
    return f"regressed, {words}" if each.regressed else words


def _rest(others: Sequence[FigureHistory]) -> str:
    """What is said of the figures in grey; empty when there are none."""
    if not others:
        return ""
    changed = sum(bool(_change(each)) for each in others)
    return f"{len(others)} others, {changed} of them changed less" if changed else f"{len(others)} without a change"


def _name(each: FigureHistory, labels: Mapping[Site, str]) -> str:
    return labels[each.site] + (f" {block_size(each.block_bytes)}" if each.block_bytes else "")


def _date(run: str) -> str:
    """The day in the name of a run."""
    found = re.match(r"(\d{4})(\d{2})(\d{2})T", run)
    return "-".join(found.groups()) if found else run


def _line(axes: Any, each: FigureHistory, runs: Sequence[str], **look: Any) -> None:
    values = _relative(each)
    axes.plot([runs.index(run) for run in values], list(values.values()), **look)


def _marks(axes: Any, each: FigureHistory, runs: Sequence[str], colour: str) -> None:
    """A line before the night of each change, and a hollow point for each night that was too noisy to judge."""
    values = _relative(each)
    for change in each.changes:
        axes.axvline(runs.index(change.run) - 0.5, color=colour, linewidth=1.2, linestyle=(0, (2, 2)))
    noisy = {runs.index(run): values[run] for run in each.too_noisy}
    look = {"linestyle": "", "marker": "o", "markersize": 8, "markerfacecolor": "#ffffff", "markeredgecolor": colour}
    axes.plot(list(noisy), list(noisy.values()), **look)


def _relative(each: FigureHistory) -> dict[str, float]:
    """Per cent of the level before the first change; of the median where there is none."""
    level = each.changes[0].before if each.changes else median(list(each.nights.values()))
    return {run: 100 * value / level for run, value in each.nights.items()}


def _scale(axes: Any, group: Sequence[FigureHistory]) -> None:
    """Logarithms where a figure became a multiple or a fraction of what it was; else at least 10 % up and down."""
    every = [value for each in group for value in _relative(each).values()]
    if max(every) > _WIDE_RANGE * min(every):
        plots.logarithmic(axes)
        return
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 90), max(high, 110))
