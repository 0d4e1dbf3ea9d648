# SPDX-License-Identifier: Apache-2.0
"""Where things stand in the picture of a system: its VMs on the left, the regions in which they can meet on the right.

The picture is 400 units wide, so that it is legible on a narrow screen and in a column of print, and grows downwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.audit.analysis import Analysis
from harness.audit.audit import Audit
from harness.audit.findings import Finding
from harness.audit.names.describe import spelled

WIDTH: Final = 400
ROW: Final = 34
_BOX: Final = 24
_LEFT_END: Final = 124
_RIGHT_BEGIN: Final = 204
_VM_LETTERS: Final = 17
_REGION_LETTERS: Final = 31

MOST_PLACES: Final = 60
"""Regions that are drawn; all of them are in the tables."""


@dataclass(frozen=True)
class Box:
    """A VM or a region. ``label`` is ``text`` as far as there is room for it."""

    text: str
    label: str
    y: float
    named: bool = True
    bad: bool = False


@dataclass(frozen=True)
class Line:
    """A VM that can attach to a region; ``creates``: its configuration makes the region."""

    x1: float
    y1: float
    x2: float
    y2: float
    creates: bool
    bad: bool


@dataclass(frozen=True)
class Picture:
    """Everything that is drawn, and the same in words."""

    width: int
    height: int
    row: int
    box: int
    left_end: int
    right_begin: int
    vms: tuple[Box, ...]
    places: tuple[Box, ...]
    lines: tuple[Line, ...]
    words: str
    left_out: int


@dataclass(frozen=True)
class _Place:
    """A region, or with ``named`` False an example of those that no configuration names."""

    name: str
    vms: tuple[str, ...]
    creators: tuple[str, ...]
    named: bool

    @property
    def text(self) -> str:
        return self.name if self.named else f"such as {self.name}"


def picture(found: Audit, analysis: Analysis) -> Picture:
    """The picture of a system that could be looked at."""
    # Where there is no room for all, those in which nobody can meet are left out first.
    places = sorted(_places(analysis), key=lambda place: len(place.vms) < 2)
    names = [vm.name for vm in found.system.vms]
    # A region stands beside the VMs that reach it, so that few lines cross.
    drawn = sorted(places[:MOST_PLACES], key=lambda place: sum(map(names.index, place.vms)) / max(1, len(place.vms)))
    rows = max(len(names), len(drawn), 1)
    vms = tuple(Box(name, _short(name, _VM_LETTERS), _middle(at, len(names), rows)) for at, name in enumerate(names))
    boxes = tuple(
        Box(
            place.text,
            _short(place.text, _REGION_LETTERS),
            _middle(at, len(drawn), rows),
            place.named,
            any(_bad(place, vm, found.findings) for vm in place.vms),
        )
        for at, place in enumerate(drawn)
    )
    heights = {vm.text: vm.y for vm in vms}
    lines = tuple(
        Line(_LEFT_END, heights[vm], _RIGHT_BEGIN, box.y, vm in place.creators, _bad(place, vm, found.findings))
        for place, box in zip(drawn, boxes, strict=True)
        for vm in place.vms
    )
    return Picture(
        WIDTH,
        rows * ROW + 4,
        ROW,
        _BOX,
        _LEFT_END,
        _RIGHT_BEGIN,
        vms,
        boxes,
        lines,
        _words(drawn, found.findings) or "No VM can attach to a region that a configuration names.",
        len(places) - len(drawn),
    )


def _middle(at: int, count: int, rows: int) -> float:
    """The middle of a box, with the boxes of a column spread over the height."""
    return round((at + 0.5) * rows * ROW / count + 2, 1)


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"


def _places(analysis: Analysis) -> Iterator[_Place]:
    """The regions that the configurations name, and an example of each other group of VMs that can meet."""
    named = set()
    for region in analysis.regions:
        vms = tuple(dict.fromkeys(access.device.vm.name for access in region.accesses))
        named.add(frozenset(vms))
        creators = tuple(device.vm.name for device, _ in region.creators)
        yield _Place(spelled(region.host_name), tuple(dict.fromkeys((*vms, *creators))), creators, named=True)
    for group, name in sorted(analysis.groups.items(), key=lambda item: (len(item[0]), sorted(item[0]))):
        if group not in named:
            vms = tuple(vm.name for vm in analysis.system.vms if vm.name in group)
            yield _Place(spelled(name), vms, (), named=False)


def _bad(place: _Place, vm: str, findings: tuple[Finding, ...]) -> bool:
    """Whether an error or a warning is about this VM and this region."""
    return any(
        finding.severity != "note" and finding.witness == place.name and (not finding.vms or vm in _meant(finding))
        for finding in findings
    )


def _meant(finding: Finding) -> tuple[str, ...]:
    """The VMs whose access is the finding; the one whose region is reached has done nothing."""
    return finding.vms[:1] if finding.code == "reaches-created-region" else finding.vms


def _words(places: Sequence[_Place], findings: tuple[Finding, ...]) -> str:
    return " ".join(
        f"{place.text}: {', '.join(_word(place, vm, findings) for vm in place.vms) or 'nobody'}." for place in places
    )


def _word(place: _Place, vm: str, findings: tuple[Finding, ...]) -> str:
    remarks = ["creates it"] if vm in place.creators else []
    remarks += ["a finding"] if _bad(place, vm, findings) else []
    return f"{vm} ({', '.join(remarks)})" if remarks else vm
