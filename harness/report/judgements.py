# SPDX-License-Identifier: Apache-2.0
"""Judgements: what a test's body finds out about the device, counted.

A body that ends without one has found nothing out, and its pass would be none (``harness.report.judging``).
Assertions of pytest count by themselves. What judges in another way, as code outside of suites does, says so here.
"""

from __future__ import annotations

_count = 0


class Finding(AssertionError):
    """The device is not what a requirement says: the verdict is fail.

    Raised and not asserted, because the interpreter drops assertions with -O.
    """


def judged() -> None:
    """Something of the device was compared with what it has to be, whatever came of it."""
    global _count
    _count += 1


def taken() -> int:
    """How many judgements this process has made."""
    return _count


def judge(holds: bool, finding: str) -> None:
    """Count a judgement, and raise Finding with the text ``finding`` unless it holds."""
    judged()
    demand(holds, finding)


def demand(holds: bool, finding: str) -> None:
    """The same for what a test takes for granted: to find it there is no judgement, to miss it is a finding."""
    if not holds:
        raise Finding(finding)
