# SPDX-License-Identifier: Apache-2.0
"""Judgements: what a test's body finds out about the device, counted.

A body that ends without one has found nothing out, and its pass would be none (``harness.report.judging.keeper``).
Assertions of pytest count by themselves. What judges in another way, as code outside of suites does, says so here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

_judgements = 0
_demands = 0
_listener: Callable[[], None] | None = None


class Finding(AssertionError):
    """The device is not what a requirement says: the verdict is fail.

    Raised and not asserted, because the interpreter drops assertions with -O.
    """


class DemandNotMet(Finding):
    """A step did not succeed on the way to what a test is about."""


class Untrue:
    """An answer that is there in any case, so that it is neither true nor false."""

    def __bool__(self) -> NoReturn:
        """Raises TypeError, or ``assert guest.request("brakes")`` would hold for a refusal."""
        raise TypeError("a refusal is an answer, too: compare what it says")


def on_finding(listener: Callable[[], None] | None) -> None:
    """Call ``listener`` before each Finding that is raised here; None: nobody any more."""
    global _listener
    _listener = listener


def _raise(finding: Finding) -> NoReturn:
    if _listener is not None:
        _listener()
    raise finding


def judged() -> None:
    """Record that a result of the device was compared with an expectation."""
    global _judgements
    _judgements += 1


def taken() -> int:
    """How many judgements this process has made."""
    return _judgements


def demands() -> int:
    """How many demands of this process were met."""
    return _demands


def judge(holds: bool, finding: str) -> None:
    """Count a judgement, and raise Finding with the text ``finding`` unless it holds."""
    judged()
    if not holds:
        _raise(Finding(finding))


def demand(holds: bool, finding: str) -> None:
    """The same for a step that has to succeed on the way to what a test is about.

    To have met it is a judgement only for a test without assertions of its own.
    """
    global _demands
    if not holds:
        _raise(DemandNotMet(finding))
    _demands += 1


def conclude(findings: Sequence[str], heading: str = "") -> None:
    """Raise Finding with all the lines, if there are any. That there are none is no judgement: was anything tried?"""
    if findings:
        _raise(Finding("\n".join([heading, *findings] if heading else findings)))
