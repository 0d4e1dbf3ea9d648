# SPDX-License-Identifier: Apache-2.0
"""Errors that a person can act on.

Every error that leaves the harness says what happened and, where one is known, what to do about it. The exit status
shows the caller (a shell, Jenkins) what kind of error it was: 2 the bench, 3 the way the tool was used. A failed
requirement is not an error; it is a result, and has exit status 1. A run in which nothing failed,
and that is less than a qualification, has exit status 4.
"""

from __future__ import annotations

EXIT_PASS = 0
EXIT_REQUIREMENT_FAILED = 1
EXIT_BENCH_ERROR = 2
EXIT_USAGE = 3
EXIT_PARTIAL = 4

STATUSES_OF_A_RUN = (
    "exit status: 0 pass, 1 a requirement failed, 2 bench error, 3 wrong usage, 4 partial: nothing failed, and the run "
    "is less than a qualification"
)
"""The exit statuses as the help of a command that ends with a verdict has them."""


class HarnessError(Exception):
    """What happened, and the remedy when one is known."""

    exit_status = EXIT_BENCH_ERROR

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  remedy: {self.remedy}" if self.remedy else self.message


def told(error: BaseException) -> str:
    """What an exception of anybody says, with its kind where its text is no sentence: a KeyError says the key alone."""
    text = str(error)
    if isinstance(error, HarnessError) or " " in text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class UsageError(HarnessError):
    """The tool was asked for something that it cannot understand (exit status 3)."""

    exit_status = EXIT_USAGE


class BenchError(HarnessError):
    """The bench broke: nothing is known about the requirement under test (exit status 2)."""


class OperationRefusedError(BenchError):
    """A host has refused an operation. It is a finding where the host has to carry it out.

    ``number`` is the errno value that it gives as the reason, 0 without one.
    """

    def __init__(self, message: str, *, number: int = 0) -> None:
        super().__init__(message)
        self.number = number
