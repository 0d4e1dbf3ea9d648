# SPDX-License-Identifier: Apache-2.0
"""The chapter "System" of a report: the user's configurations, who reaches what, and who meets whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.report.evidence.model import Report
from harness.report.evidence.system import SystemAccess, SystemFinding, SystemOrder, SystemTried

_SEVERITIES: Final = ("error", "warning", "note")


@dataclass(frozen=True)
class RegionRow:
    """A line of the matrix; a cell is None where nothing is known."""

    region: str
    cells: list[SystemAccess | None]


@dataclass(frozen=True)
class Chapter:
    """What the report shows of a system on one bench."""

    tried: SystemTried
    devices: list[str]
    rows: list[RegionRow]
    findings: list[SystemFinding]
    other_orders: list[SystemOrder]

    @property
    def sizes(self) -> int:
        """How many starts and sizes were compared in all orders."""
        return sum(order.compared for order in self.tried.orders)


def chapters(report: Report) -> list[Chapter]:
    """One for each bench and each image of its guests."""
    return [_chapter(tried) for tried in report.systems]


def _chapter(tried: SystemTried) -> Chapter:
    devices = [device.label for device in tried.devices]
    cells = {(access.device, access.region): access for access in tried.accesses}
    regions = sorted({access.region for access in tried.accesses})
    rows = [RegionRow(region, [cells.get((device, region)) for device in devices]) for region in regions]
    return Chapter(tried, devices, rows, _by_severity(tried.findings), [one for one in tried.orders if one.differences])


def _by_severity(findings: Sequence[SystemFinding]) -> list[SystemFinding]:
    return sorted(findings, key=lambda finding: _SEVERITIES.index(finding.severity))
