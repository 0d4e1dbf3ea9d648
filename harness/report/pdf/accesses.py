# SPDX-License-Identifier: Apache-2.0
"""The access matrix for print: each configuration once, with every name that was tried and the rule that decides it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from harness.report.evidence.model import Access
from harness.report.pages.matrix import deviates
from harness.shmem.config import ConfigError, ShmemVdev, parse, shmems_of
from harness.shmem.explanation import explain
from harness.shmem.profile import Profile

_NO_RULE = "no rule"


@dataclass(frozen=True)
class Line:
    """One verdict: a name, what was expected and seen, what decides, and how many times it was tried."""

    name: str
    operation: str
    expected: str
    seen: str
    because: str
    times: int
    deviates: bool


def by_configuration(accesses: Iterable[Access], releases: Mapping[str, str]) -> dict[str, list[Line]]:
    """The lines by configuration, deviations first. ``releases`` has the release of each bench.

    What decides is said as the oracle has it under that release, and only where it agrees with what was expected.
    """
    counted: dict[str, dict[tuple[str, str, str, str, str], list[Access]]] = {}
    for access in accesses:
        because = _because(access, releases.get(access.bench, ""))
        key = (access.name, access.operation, access.expected or "not judged", access.seen, because)
        counted.setdefault(access.configuration, {}).setdefault(key, []).append(access)
    return {
        configuration: sorted(
            (Line(*key, len(same), any(map(deviates, same))) for key, same in lines.items()),
            key=lambda line: (not line.deviates, line.name, line.operation),
        )
        for configuration, lines in sorted(counted.items())
    }


def _because(access: Access, release: str) -> str:
    if access.expected is None or not release:
        return ""
    decided = _decided(access.configuration, access.name, release)
    if decided is None:
        return ""
    seen, because = decided
    return because if seen == access.expected else ""


@cache
def _decided(configuration: str, name: str, release: str) -> tuple[str, str] | None:
    vdev = _vdev(configuration)
    if vdev is None:
        return None
    try:
        explanation = explain(vdev, 0, name, Profile.load(release))
    except ConfigError:
        return None
    return "allowed" if explanation.decision.allowed else "refused", explanation.because


@cache
def _vdev(configuration: str) -> ShmemVdev | None:
    """The device that a label describes: its options, with or without commas between them."""
    words = "" if configuration == _NO_RULE else " ".join(word.rstrip(",") for word in configuration.split())
    try:
        vdevs = shmems_of(parse(f"system guest\nvdev shmem {words}\n", file="configuration"))
    except ConfigError:
        return None
    return vdevs[0] if len(vdevs) == 1 else None
