# SPDX-License-Identifier: Apache-2.0
"""How figures are named and ordered, in tables and plots alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from harness.report.evidence.model import Metric
from harness.site import Site

TARGET_RATIO: Final = 0.95
"""The ratio to private memory that a region is expected to reach for blocks of 4 KiB and more (the project's aim)."""


def ordered(metrics: Iterable[Metric]) -> list[Metric]:
    """What is to be compared stands together: by name, then block size, then site."""
    return sorted(metrics, key=lambda metric: (metric.name, metric.block_bytes or 0, metric.site))


def site_labels(metrics: Sequence[Metric]) -> dict[Site, str]:
    """A label for each site: its bench, and the other fields that differ between the sites."""
    sites = sorted({metric.site for metric in metrics})
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
