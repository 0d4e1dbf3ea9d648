# SPDX-License-Identifier: Apache-2.0
"""Where something was tried: bench, architecture, placement, guest image and way, in that order of importance."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.evidence.model import Case, Metric, Result


@dataclass(frozen=True, order=True)
class Place:
    """A column of the requirement table, a line of a plot."""

    bench: str
    architecture: str
    placement: str
    guest_image: str
    via: str

    @property
    def way(self) -> str:
        """Everything but the bench (which tells its architecture)."""
        return " · ".join(part for part in (self.placement, self.guest_image, self.via) if part)


def place_of(record: Case | Result | Metric) -> Place:
    """Where a record belongs."""
    return Place(record.bench, record.architecture, record.placement, record.guest_image, record.via)
