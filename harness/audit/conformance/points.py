# SPDX-License-Identifier: Apache-2.0
"""The regions in which a system is tried: those that its files and its policy name, and a witness of each answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from harness.audit.analysis import Access, Analysis
from harness.audit.findings import Finding
from harness.audit.names.describe import spelled
from harness.audit.names.dfa import both
from harness.audit.names.reach import STATES
from harness.audit.policy_file import Channel, Policy

MOST_POINTS: Final = 200
"""Regions in which a system is tried."""


@dataclass(frozen=True)
class Point:
    """A region by its host-side name, and how devices get it, by their labels."""

    host_name: bytes
    accesses: dict[str, Access]

    @property
    def spelled(self) -> str:
        """The name as a text."""
        return spelled(self.host_name)

    def guest_names(self) -> list[bytes]:
        """The names by which guests get it, and its own, which a guest may try as well."""
        return list(dict.fromkeys([*(access.guest_name for access in self.accesses.values()), self.host_name]))


def point_of(analysis: Analysis, host_name: bytes) -> Point:
    """The region of that name."""
    return Point(host_name, {access.device.label: access for access in analysis.accesses(host_name)})


def points(analysis: Analysis, findings: Sequence[Finding]) -> tuple[list[Point], int]:
    """The regions of a system, those that the files name first, and how many more there are that are not tried."""
    names = [name for name in dict.fromkeys(_names(analysis, findings)) if analysis.legality.legal(name)]
    return [point_of(analysis, name) for name in names[:MOST_POINTS]], max(0, len(names) - MOST_POINTS)


def _names(analysis: Analysis, findings: Sequence[Finding]) -> Iterator[bytes]:
    yield from (region.host_name for region in analysis.regions)
    yield from (name for channel in analysis.others if (name := analysis.shortest(channel)) is not None)
    yield from (meeting.witness for meeting in analysis.meetings)
    # What follows from another reading of the documents is tried as well: it is the device that decides.
    yield from (name for finding in findings if (name := _witness(finding)) is not None)
    yield from (name for _, name in analysis.atoms.holding())


def _witness(finding: Finding) -> bytes | None:
    """The name that shows a finding; None when there is none, or one that is spelled with bytes that do not print."""
    plain = finding.witness and finding.witness.isascii() and "\\" not in finding.witness
    return finding.witness.encode() if finding.witness and plain else None


@dataclass(frozen=True)
class Together:
    """VMs that can meet in a region; ``channel`` is the line of the policy that says so, if one does."""

    vms: tuple[str, str]
    point: Point
    channel: Channel | None

    @property
    def accesses(self) -> tuple[Access, Access]:
        """How each of the two gets the region."""
        first, second = (
            next(access for access in self.point.accesses.values() if access.device.vm.name == vm) for vm in self.vms
        )
        return first, second


def together(analysis: Analysis, policy: Policy | None, findings: Sequence[Finding]) -> list[Together]:
    """Each pair of VMs that can meet, each pair of a channel's members, and each that a finding is about."""
    found = []
    for channel, names in zip(policy.channels if policy else (), analysis.others, strict=True):
        for pair in combinations(channel.members, 2):
            name = analysis.shortest(both(names, analysis.common_names(pair), STATES))
            if name is not None:
                found.append(Together((pair[0], pair[1]), point_of(analysis, name), channel))
    known = {(frozenset(each.vms), each.point.host_name) for each in found}
    for pair, name in _other_meetings(analysis, findings):
        if (frozenset(pair), name) not in known:
            known.add((frozenset(pair), name))
            found.append(Together(pair, point_of(analysis, name), None))
    return found


def _other_meetings(analysis: Analysis, findings: Sequence[Finding]) -> Iterator[tuple[tuple[str, str], bytes]]:
    for meeting in analysis.meetings:
        yield (meeting.vms[0], meeting.vms[1]), meeting.witness
    for name in dict.fromkeys(map(_witness, findings)):
        if name is not None:
            vms = dict.fromkeys(access.device.vm.name for access in analysis.accesses(name))
            yield from ((pair, name) for pair in combinations(vms, 2))
