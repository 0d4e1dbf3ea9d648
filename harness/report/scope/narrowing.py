# SPDX-License-Identifier: Apache-2.0
"""What a run left out of the suites, put together from its sessions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.report.evidence.model import Narrowing

FUNCTIONS = "test function"
"""Counted in the files of the suites: every session of a run has the same ones."""

TESTS = "test"
"""Counted in one session: each bench has its own."""


def together(narrowed: Iterable[Narrowing]) -> list[Narrowing]:
    """One line for each cause."""
    counts: dict[Narrowing, list[int]] = {}
    for each in narrowed:
        counts.setdefault(replace(each, count=0), []).append(each.count)
    return [
        replace(cause, count=max(numbers) if cause.what == FUNCTIONS else sum(numbers))
        for cause, numbers in counts.items()
    ]
