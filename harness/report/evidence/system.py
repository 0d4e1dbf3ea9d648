# SPDX-License-Identifier: Apache-2.0
"""What a run found out about a user's system of configurations: the data of the chapter "System" of a report.

These records are a part of ``results.json``; the rules of :mod:`harness.report.evidence.model` hold for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SystemFile:
    """A file that says what the system is."""

    path: str
    sha256: str


@dataclass(frozen=True)
class SystemDevice:
    """A ``vdev shmem`` that was tried: where it was placed, how many names it was asked for, and what these prove."""

    label: str
    placed: str
    names: int = 0
    differences: int = 0
    guarantee: str = ""


@dataclass(frozen=True)
class SystemAccess:
    """Whether a device reaches a region, by the audit and by the bench; ``rule`` decides, as ``file:line``.

    ``seen`` is empty where it was not tried.
    """

    device: str
    region: str
    guest_name: str
    expected: str
    seen: str
    rule: str


@dataclass(frozen=True)
class SystemMeeting:
    """Whether two VMs meet in a region, by the audit and by the bench. ``policy`` says what the policy has about it."""

    vms: list[str]
    region: str
    expected: str
    seen: str
    policy: str = ""


@dataclass(frozen=True)
class SystemOrder:
    """An order in which the VMs were started, how many sizes of regions were compared, and which were others."""

    vms: list[str]
    compared: int
    differences: list[str]


@dataclass(frozen=True)
class SystemFinding:
    """Something that the audit found."""

    severity: str
    code: str
    text: str
    at: str = ""


@dataclass(frozen=True)
class NotTried:
    """Something of the system that the bench could not try, and why."""

    what: str
    reason: str


@dataclass(frozen=True)
class SystemFigure:
    """So many verdicts about ``what`` were compared in so many seconds."""

    what: str
    verdicts: int
    seconds: float


@dataclass(frozen=True)
class SystemTried:
    """A system on one bench, in guests of one image.

    ``which_orders`` says how the orders were chosen, ``placements`` which devices are elsewhere than their files say.
    ``recipe`` is the file of the user's own image.
    """

    bench: str
    architecture: str
    release: str
    files: list[SystemFile]
    policy: SystemFile | None = None
    devices: list[SystemDevice] = field(default_factory=list)
    accesses: list[SystemAccess] = field(default_factory=list)
    meetings: list[SystemMeeting] = field(default_factory=list)
    orders: list[SystemOrder] = field(default_factory=list)
    which_orders: str = ""
    findings: list[SystemFinding] = field(default_factory=list)
    not_tried: list[NotTried] = field(default_factory=list)
    placements: list[str] = field(default_factory=list)
    figures: list[SystemFigure] = field(default_factory=list)
    guest_image: str = "probe"
    recipe: SystemFile | None = None
