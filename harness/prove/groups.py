# SPDX-License-Identifier: Apache-2.0
"""Which requirements have to catch the faults of a group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from harness.emulator.faults.catalogue import Fault, catalogue
from harness.errors import UsageError

MATCHING: Final[Mapping[str, tuple[str, ...]]] = {
    "access": ("SHM-ALLOW", "SHM-DENY", "SHM-MIX", "SHM-SUBST", "SHM-PROF", "SHM-STAT-04"),
    "create": ("SHM-CREATE", "SHM-PERM", "SHM-SUBST-05", "SHM-FACT-05"),
    "registers": ("SHM-FACT", "SHM-STAT", "SHM-FIND", "SHM-CTRL", "SHM-PROF-04", "SHM-PROF-05"),
    "lifecycle": ("SHM-LIFE", "SHM-CTRL", "SHM-STAT-02", "SHM-HOST", "SHM-PROF-06", "SHM-PROF-10", "QVM-RUN"),
    "notification": ("SHM-NOTIF", "SHM-CTRL", "SHM-PCI-03"),
    "placement": ("SHM-PCI", "SHM-MMIO", "SHM-PROF-07", "SHM-PROF-08", "SHM-PROF-09"),
    "isolation": ("SHM-ISOL", "SHM-CTRL", "SHM-FACT-07"),
}
"""For each group of faults the beginnings of the matching requirements' identifiers."""

SHORT: Final = (
    "rules-last-match",
    "implicit-deny-missing",
    "rule-case-blind",
    "subst-ignored",
    "create-page-too-few",
    "refused-region-mapped",
    "size-not-read-back",
    "signature-bit",
    "member-kept",
    "death-not-noticed",
    "notify-lost",
    "pci-device-id",
)
"""Faults of all groups whose proofs take short time."""


def matches(group: str, requirements: Iterable[str]) -> bool:
    """Whether one of the requirements is one that has to catch faults of the group."""
    return any(requirement.startswith(MATCHING[group]) for requirement in requirements)


def selected(patterns: Sequence[str], names: Iterable[str] | None = None) -> list[Fault]:
    """Those of the faults ``names``, or of all, whose name or group fits one of the patterns (as in the shell).

    All of them without a pattern. Raises UsageError for a pattern that fits nothing.
    """
    faults = [catalogue()[name] for name in (catalogue() if names is None else names)]
    for pattern in patterns:
        if not any(_fits(fault, pattern) for fault in faults):
            raise UsageError(
                f"no fault and no group of faults matches '{pattern}'",
                remedy=f"harness prove --list shows the faults; the groups are {', '.join(MATCHING)}",
            )
    return [fault for fault in faults if not patterns or any(_fits(fault, pattern) for pattern in patterns)]


def _fits(fault: Fault, pattern: str) -> bool:
    return fnmatchcase(fault.name, pattern) or fault.group == pattern
