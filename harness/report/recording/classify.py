# SPDX-License-Identifier: Apache-2.0
"""From what pytest caught to a verdict.

Only an assertion in the test's own body concerns the device. Everything else that stops a test (a bench error, an
exception in a fixture, a bug of the suite) leaves the requirement unjudged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pytest

from harness.report.evidence.model import Verdict

Phase = Literal["setup", "call", "teardown"]

_LONGEST_REASON = 2000
_PASSED_AGAINST_MARK = "[XPASS(strict)]"
_WORST_FIRST: tuple[Verdict, ...] = ("fail", "error", "skipped", "pass")


@dataclass(frozen=True)
class Outcome:
    """A verdict and, unless it is a plain pass, what led to it."""

    verdict: Verdict
    reason: str = ""


def phase_outcome(phase: Phase, error: BaseException | None, foreign: str = "") -> Outcome:
    """The outcome of one phase of a test; ``error`` is what it raised.

    ``foreign`` names the plugin that raised it in the place of the test: a time limit is no finding.
    """
    if error is None:
        return Outcome("pass")
    if isinstance(error, pytest.skip.Exception):
        return Outcome("skipped", str(error.msg))
    if foreign:
        return Outcome("error", _described(error, f"{phase}: ended by the plugin {foreign}: "))
    failed = phase == "call" and _is_finding(error)
    return Outcome("fail" if failed else "error", _described(error, "" if phase == "call" else f"{phase}: "))


def reported_outcome(phase: Phase, report: pytest.TestReport) -> Outcome:
    """The outcome of a phase without an exception, from its report."""
    crash = getattr(report.longrepr, "reprcrash", None)
    message = (crash.message if crash else report.longreprtext).strip()[:_LONGEST_REASON]
    if message.startswith(_PASSED_AGAINST_MARK):
        return Outcome("error", f"the test passes, although it is marked as failing (xfail): {message}")
    # What pytest and its plugins call an expected failure is none: it has no end and no link.
    if report.failed or (report.skipped and hasattr(report, "wasxfail")):
        message = message or "a plugin reports a failure without a reason"
        return Outcome("fail" if phase == "call" else "error", message if phase == "call" else f"{phase}: {message}")
    if report.skipped:
        return Outcome("skipped", message or "a plugin reports it as skipped")
    return Outcome("pass")


def worse(one: Outcome, other: Outcome) -> Outcome:
    """The worse of two outcomes of one phase, the first of two that are equally bad."""
    return min(one, other, key=lambda outcome: _WORST_FIRST.index(outcome.verdict))


def case_outcome(phases: Mapping[Phase, Outcome]) -> Outcome:
    """The outcome of a test from its phases.

    A failure in the body stays a failure when the teardown breaks too (the reason names both); a body that passed is
    worth nothing when its bench broke on the way out.
    """
    worst = min(phases.values(), key=lambda outcome: _WORST_FIRST.index(outcome.verdict))
    message = [outcome.reason for outcome in phases.values() if outcome.verdict in ("fail", "error") and outcome.reason]
    return Outcome(worst.verdict, "\n".join(message) or worst.reason)


def judged_as_characterisation(outcome: Outcome) -> Outcome:
    """The outcome of a test whose requirements are all observed and never judged."""
    if outcome.verdict == "pass":
        return Outcome("recorded", outcome.reason)
    if outcome.verdict == "fail":
        return Outcome("error", f"the characterisation could not be completed: {outcome.reason}")
    return outcome


def _is_finding(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_finding(inner) for inner in error.exceptions)
    return isinstance(error, AssertionError | pytest.fail.Exception)


def _described(error: BaseException, prefix: str) -> str:
    name = "" if _is_finding(error) else f"{type(error).__name__}: "
    text = f"{prefix}{name}{error}".strip()
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}..."
