# SPDX-License-Identifier: Apache-2.0
"""How figures are named and ordered, in tables and plots alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from harness.report.evidence.model import Metric
from harness.report.pages import view
from harness.site import Site

TARGET_RATIO: Final = 0.95
"""The ratio to private memory that a region is expected to reach for blocks of 4 KiB and more (the project's aim)."""


def ordered(metrics: Iterable[Metric]) -> list[Metric]:
    """What is to be compared stands together: by name, then block size, then site."""
    return sorted(metrics, key=lambda metric: (metric.name, metric.block_bytes or 0, metric.site))


def site_labels(metrics: Sequence[Metric]) -> dict[Site, str]:
    """A label for each site of the figures."""
    return labels_of(metric.site for metric in metrics)


def labels_of(every: Iterable[Site]) -> dict[Site, str]:
    """A label for each site: its bench, and the other fields that differ between the sites."""
    sites = sorted(set(every))
    telling = [
        field for field in ("placement", "guest_image", "via") if len({getattr(site, field) for site in sites}) > 1
    ]
    return {site: " ".join([site.bench, *(getattr(site, field) for field in telling)]) for site in sites}


def block_size(size: float) -> str:
    """A block size as people say it: 4 KiB."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:g} {unit}"
    return f"{size:g} B"


def shown_ratio(metric: Metric) -> str:
    """The ratio to the reference, with its 95 % interval; empty when there is no reference."""
    if metric.ratio is None:
        return ""
    if metric.too_noisy:
        return _too_noisy(metric)
    return f"{metric.ratio:.3f}" + (f" ({shown_interval(metric)})" if metric.ratio_low is not None else "")


def shown_interval(metric: Metric) -> str:
    """The 95 % interval of the ratio; empty when it is not known."""
    if metric.ratio_low is None or metric.ratio_high is None or metric.too_noisy:
        return ""
    return f"{metric.ratio_low:.3f} to {metric.ratio_high:.3f}"


def shown_value(metric: Metric) -> str:
    """The value with its unit. A figure that is too noisy says so, once: its ratio does where it has one."""
    if metric.too_noisy:
        return _too_noisy(metric) if metric.ratio is None else ""
    return f"{view.figure(metric.value)} {metric.unit}"


def shown_reference(metric: Metric) -> str:
    """The reference's value and what it is."""
    if metric.reference is None or metric.too_noisy:
        return metric.against
    return f"{view.figure(metric.reference)} {metric.unit}" + (f", {metric.against}" if metric.against else "")


def conditions(metric: Metric) -> str:
    """Under which conditions a figure was taken, in one line."""
    parts = (
        f"{metric.pages} pages" if metric.pages else "",
        metric.mapping,
        f"loop: {metric.loop}" if metric.loop else "",
        f"{metric.count} samples" if metric.count else "",
        f"known to {100 * metric.noise:.1f} %" if metric.noise is not None else "",
        f"clock: {metric.clock} ({metric.clock_check})" if metric.clock else "",
        metric.note,
    )
    return "; ".join(part for part in parts if part)


def distributions(metrics: Iterable[Metric]) -> list[Metric]:
    """Those that have percentiles, and are not too noisy to judge."""
    return [metric for metric in ordered(metrics) if metric.percentiles and not metric.too_noisy]


def _too_noisy(metric: Metric) -> str:
    return f"too noisy to judge (± {100 * (metric.noise or 0):.0f} %)"
