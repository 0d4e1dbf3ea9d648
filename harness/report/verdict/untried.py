# SPDX-License-Identifier: Apache-2.0
"""Passes of tests that nobody has tried with false answers: whether they judge anything is not known.

A pass counts when the journal says that its test was looked at. So nothing that keeps a session from looking (a plugin
that is left out, an end that passes by it) can leave a pass behind.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Final

from harness.report.evidence.few import few
from harness.report.evidence.model import Case, Shortfall

KIND: Final = "untried"
_SHOWN: Final = 3


def counts(case: Case) -> bool:
    """Whether a case says that something was judged, and passed."""
    only_recorded = case.requirements and len(case.recorded_only) == len(case.requirements)
    return case.verdict == "pass" and not only_recorded


def of_passes(cases: Iterable[Case], looked_at: Container[str]) -> Iterator[Shortfall]:
    """Passes whose tests (node ids) are not among those that were looked at."""
    if untried := [case.test for case in cases if counts(case) and case.test not in looked_at]:
        text = f"{len(untried)} passes were not tried with false answers, and nothing says why: {few(untried, _SHOWN)}"
        yield Shortfall(KIND, text)
