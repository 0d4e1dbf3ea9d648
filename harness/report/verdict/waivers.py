# SPDX-License-Identifier: Apache-2.0
"""Which failures a waiver accepts. ``harness.target.scope.waivers`` reads them from their file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.report.evidence.model import Case, KnownFailure, Waiver


def waives(waiver: Waiver, case: Case) -> bool:
    """Whether a failure of the case is one that the waiver is for."""
    return is_for(waiver, case.test, case.requirements, case.site.bench)


def is_for(waiver: Waiver, test: str, requirements: Sequence[str], bench: str) -> bool:
    """Whether a waiver is for a test on a bench.

    One for a requirement is for tests of that requirement alone: a test of several says of none of them that it is the
    only one that failed.
    """
    if waiver.bench != bench:
        return False
    if waiver.requirement:
        return set(requirements) == {waiver.requirement}
    return waiver.test in (test, test.partition("[")[0])


def accepted(waivers: Iterable[Waiver], test: str, requirements: Sequence[str], bench: str) -> KnownFailure | None:
    """The waiver for a test as the acceptance of its failure, None without one; an expired one is the last choice."""
    found = [waiver for waiver in waivers if is_for(waiver, test, requirements, bench)]
    for waiver in sorted(found, key=lambda each: each.expired):
        return KnownFailure(waiver.reason, waiver.link, waiver.expires, waiver.expired, waiver.approver)
    return None
