# SPDX-License-Identifier: Apache-2.0
"""Figures as plots: SVG that is the same, byte for byte, each time it is drawn from the same figures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from harness.measure.statistics import percentile
from harness.report.evidence.model import Metric
from harness.report.pages.figures import TARGET_RATIO, block_size, site_labels
from harness.report.pages.svg import without_styles
from harness.report.pages.trend import Series

SETTINGS: Final[dict[Any, Any]] = {
    "svg.hashsalt": "shmem-harness",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#d5d8de",
}
"""Of matplotlib, for all plots."""

# Okabe and Ito's colours, distinguished with every kind of colour vision; the markers distinguish them in print.
_LINES: Final = (
    ("#0072b2", "o", "-"),
    ("#d55e00", "s", "--"),
    ("#009e73", "^", "-."),
    ("#cc79a7", "D", ":"),
    ("#56b4e9", "v", "-"),
    ("#e69f00", "P", "--"),
)
_DECADE: Final = 10
_TIME_UNITS: Final = frozenset({"s", "ms", "us", "µs", "ns"})


@dataclass(frozen=True)
class Plot:
    """A plot: file name stem, heading, picture, and its content in words."""

    stem: str
    title: str
    document: str
    alternative: str


def throughput(metrics: Sequence[Metric]) -> list[Plot]:
    """Ratio by block size, one plot per figure name, one line per site; without figures that are too noisy."""
    sized = [metric for metric in metrics if metric.block_bytes and metric.ratio is not None and not metric.too_noisy]
    return [_ratio_plot(name, group) for name, group in _grouped(sized).items()]


def rates(metrics: Sequence[Metric]) -> list[Plot]:
    """Values by block size with their references, one plot per name, one line per site; without those too noisy."""
    sized = [metric for metric in metrics if metric.block_bytes and metric.unit.endswith("/s") and not metric.too_noisy]
    grouped = _grouped(sized)
    return [_rate_plot(name, group) for name, group in grouped.items() if len({m.block_bytes for m in group}) > 1]


def latency(metrics: Sequence[Metric]) -> list[Plot]:
    """Distribution of the times of each figure that is a time, one plot per name, one line per site."""
    times = [metric for metric in metrics if metric.unit in _TIME_UNITS and len(_times(metric)) >= 10]
    return [_distribution_plot(name, group) for name, group in _grouped(times).items()]


def trends(all_series: Sequence[Series]) -> list[Plot]:
    """Each figure over the runs, one plot per name."""
    grouped: dict[str, list[Series]] = {}
    for series in all_series:
        grouped.setdefault(series.metric.name, []).append(series)
    return [_trend_plot(name, group) for name, group in grouped.items()]


def _times(metric: Metric) -> list[float]:
    """All single times, as far as they were kept."""
    return metric.times or metric.samples


def _grouped(metrics: Sequence[Metric]) -> dict[str, list[Metric]]:
    grouped: dict[str, list[Metric]] = {}
    for metric in metrics:
        grouped.setdefault(metric.name, []).append(metric)
    return grouped


def _ratio_plot(name: str, metrics: Sequence[Metric]) -> Plot:
    title = f"{name}: ratio to the reference by block size"
    notes = []
    with mpl.rc_context(SETTINGS):
        figure, axes = canvas("block size", "ratio to the reference")
        for index, (site, label) in enumerate(site_labels(metrics).items()):
            line = sorted((m for m in metrics if m.site == site), key=lambda m: m.block_bytes or 0)
            ratios = [metric.ratio or 0.0 for metric in line]
            sizes = [metric.block_bytes or 0 for metric in line]
            axes.errorbar(sizes, ratios, yerr=_intervals(line), capsize=3, label=label, **look_of(index))
            notes.append(f"{label} {min(ratios):.3f} to {max(ratios):.3f}")
        axes.axhline(TARGET_RATIO, color="#b00020", linewidth=1.5, linestyle=(0, (6, 2)), label=f"aim {TARGET_RATIO}")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: block_size(size)))
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 0.9), max(high, 1.1))
        document = svg_of(figure, axes)
    least = min(metric.ratio or 0.0 for metric in metrics)
    found = (
        f"No block size is below the aim of {TARGET_RATIO}"
        if least >= TARGET_RATIO
        else f"The least ratio is {least:.3f} and the aim is {TARGET_RATIO}"
    )
    return Plot(f"ratio-{name}", title, document, f"{title}. {found}: {'; '.join(notes)}.")


def _rate_plot(name: str, metrics: Sequence[Metric]) -> Plot:
    title = f"{name}: by block size"
    notes = []
    unit = metrics[0].unit
    with mpl.rc_context(SETTINGS):
        figure, axes = canvas("block size", unit)
        for index, (site, label) in enumerate(site_labels(metrics).items()):
            line = sorted((m for m in metrics if m.site == site), key=lambda m: m.block_bytes or 0)
            sizes, values = [metric.block_bytes or 0 for metric in line], [metric.value for metric in line]
            axes.plot(sizes, values, label=label, **look_of(index))
            notes.append(f"{label} {min(values):.4g} to {max(values):.4g} {unit}")
            beside = [metric.reference for metric in line if metric.reference is not None]
            if len(beside) == len(line):
                look = look_of(index) | {"linewidth": 0.8, "markersize": 3, "alpha": 0.6}
                axes.plot(sizes, beside, label=f"{label}, {line[0].against or 'reference'}", **look)
        axes.set_xscale("log", base=2)
        logarithmic(axes)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: block_size(size)))
        document = svg_of(figure, axes)
    return Plot(f"rate-{name}", title, document, f"{title}. {'; '.join(notes)}.")


def _distribution_plot(name: str, metrics: Sequence[Metric]) -> Plot:
    unit = metrics[0].unit
    title = f"{name}: distribution"
    notes = []
    labels = site_labels(metrics)
    with mpl.rc_context(SETTINGS):
        figure, axes = canvas(f"time in {unit}", "share of the samples")
        for index, metric in enumerate(sorted(metrics, key=lambda metric: metric.site)):
            label = labels[metric.site]
            ordered = sorted(_times(metric))
            shares = [(position + 1) / len(ordered) for position in range(len(ordered))]
            look = look_of(index) | {"marker": None}
            axes.step(ordered, shares, where="post", label=f"{label} (n={metric.count or len(ordered)})", **look)
            half, most = percentile(ordered, 0.5), percentile(ordered, 0.95)
            notes.append(f"{label} median {half:.4g} {unit}, 95 % below {most:.4g} {unit}")
        if min(_times(metric)[0] for metric in metrics) > 0:
            # The rarest thousandth may take a hundred times as long as the median.
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda time, _: f"{time:g}"))
        document = svg_of(figure, axes)
    return Plot(f"distribution-{name}", title, document, f"{title}. {'; '.join(notes)}.")


def _trend_plot(name: str, group: Sequence[Series]) -> Plot:
    title = f"{name}: over the runs"
    notes = []
    labels = site_labels([series.metric for series in group])
    runs = sorted({run for series in group for run, _ in series.values})
    with mpl.rc_context(SETTINGS):
        figure, axes = canvas("run", "ratio" if group[0].metric.ratio is not None else group[0].metric.unit)
        for index, series in enumerate(group):
            size = f" {block_size(series.metric.block_bytes)}" if series.metric.block_bytes else ""
            label = f"{labels[series.metric.site]}{size}"
            positions = [runs.index(run) for run, _ in series.values]
            axes.plot(positions, [value for _, value in series.values], label=label, **look_of(index))
            notes.append(f"{label} from {series.values[0][1]:.3g} to {series.values[-1][1]:.3g}")
        axes.set_xticks(range(len(runs)), [run.split("-")[0] for run in runs], rotation=30, ha="right")
        document = svg_of(figure, axes)
    return Plot(f"trend-{name}", title, document, f"{title}. {'; '.join(notes)}.")


def canvas(x_label: str, y_label: str) -> tuple[Figure, Any]:
    """An empty plot, and its axes."""
    # In a column of a page, and on a telephone, all of it is seen at once: the legend is below, and not beside.
    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return figure, axes


def logarithmic(axes: Any) -> None:
    """Let the values of a plot that has its lines stand on a scale of logarithms, with plain numbers beside it.

    Beyond a decade only powers of ten have theirs: others would stand on each other.
    """
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(plain)
    axes.yaxis.set_minor_formatter(plain if high <= _DECADE * low else NullFormatter())


def look_of(index: int) -> dict[str, Any]:
    """How a line looks, so that it can be told from others, in print as well."""
    colour, marker, dashes = _LINES[index % len(_LINES)]
    return {"color": colour, "marker": marker, "linestyle": dashes, "markersize": 5, "linewidth": 1.6}


def _intervals(metrics: Sequence[Metric]) -> list[list[float]] | None:
    if any(metric.ratio_low is None or metric.ratio_high is None for metric in metrics):
        return None
    below = [max((m.ratio or 0.0) - (m.ratio_low or 0.0), 0.0) for m in metrics]
    return [below, [max((m.ratio_high or 0.0) - (m.ratio or 0.0), 0.0) for m in metrics]]


def svg_of(figure: Figure, axes: Any) -> str:
    """The finished picture, with a legend."""
    columns = 1 if max((len(text) for text in axes.get_legend_handles_labels()[1]), default=0) > 30 else 2
    figure.legend(loc="outside lower left", ncols=columns, frameon=False, fontsize=9)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return without_styles(out.getvalue())
