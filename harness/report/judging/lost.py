# SPDX-License-Identifier: Apache-2.0
"""Assertions that failed, and the test went on to its end: nobody heard them.

In a thread, an exception ends the thread and not the test. A decorator (one that tries again, one that is lenient) can
catch what left the function of the test. What the function itself catches (``try``, ``with``) is meant so.
"""

from __future__ import annotations

import ast
import inspect
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Final

import pytest
from _pytest.assertion import rewrite

from harness.report.judging.constants import function_of

_EXPLAIN: Final = "_format_explanation"
"""What a rewritten assertion calls by this name before it fails."""
_CATCHING: Final = (ast.Try, ast.TryStar, ast.With, ast.AsyncWith)


class LostFindings:
    """Notes failed assertions from its making on, until ``close``."""

    def __init__(self) -> None:
        self._failed: list[tuple[CodeType, int]] = []
        self._threads: list[str] = []
        self._format: Callable[[str], str] = getattr(rewrite, _EXPLAIN)
        self._hook = threading.excepthook
        setattr(rewrite, _EXPLAIN, self._noting)
        threading.excepthook = self._of_thread

    def close(self) -> None:
        """Leave everything as it was."""
        setattr(rewrite, _EXPLAIN, self._format)
        threading.excepthook = self._hook

    def forget(self) -> None:
        """Another body begins."""
        self._failed.clear()
        self._threads.clear()

    def held(self, frame: FrameType | None) -> None:
        """The assertion in ``frame`` holds: pytest explains such ones, too."""
        if frame is not None and (frame.f_code, frame.f_lineno) in self._failed:
            self._failed.remove((frame.f_code, frame.f_lineno))

    def of(self, function: object) -> str:
        """What nobody heard of the body of ``function``, which has come to its end; empty if there is nothing."""
        if self._threads:
            return f"an assertion failed in a thread, and the test went on: {self._threads[0]}"
        own: CodeType | None = getattr(inspect.unwrap(function), "__code__", None)  # type: ignore[arg-type]
        lines = [line for code, line in self._failed if code is own and not _is_caught(code, line)]
        return (
            f"the assertion in line {lines[0]} failed, and something around the test, such as a decorator, caught it"
            if lines
            else ""
        )

    def _noting(self, explanation: str) -> str:
        frame = inspect.currentframe()
        if frame is not None and frame.f_back is not None:
            self._failed.append((frame.f_back.f_code, frame.f_back.f_lineno))
        return self._format(explanation)

    def _of_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if issubclass(arguments.exc_type, AssertionError | pytest.fail.Exception):
            self._threads.append(str(arguments.exc_value).partition("\n")[0])
        hook: Callable[[threading.ExceptHookArgs], object] = self._hook
        hook(arguments)


def _is_caught(code: CodeType, line: int) -> bool:
    """Whether the function itself has something around a line that can catch what the line raises."""
    body = function_of(code)
    return body is None or any(
        isinstance(node, _CATCHING) and node.lineno <= line <= (node.end_lineno or line) for node in ast.walk(body)
    )
