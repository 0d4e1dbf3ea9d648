# SPDX-License-Identifier: Apache-2.0
"""Assertions that failed, and the test went on to its end: nobody heard them.

In a thread, an exception ends the thread and not the test; a pool or an event loop keeps it for somebody who asks. A
decorator (one that tries again, one that is lenient) can catch what left the function of the test. What a suite's code
around the assertion catches (``try``, ``with``) is meant so, if something is judged afterwards.
"""

from __future__ import annotations

import ast
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import Final

import pytest
from _pytest.assertion import rewrite

from harness.report.judging import judgements
from harness.report.judging.constants import function_of

_REWRITTEN: Final = "@pytest_ar"
"""A module that pytest has rewritten, so one of a suite, has this name."""
_OURS: Final = f"{__name__.partition('.')[0]}."
"""Begins the names of our own modules: pytest rewrites those that a plugin of its command line imports."""

_EXPLAIN: Final = "_format_explanation"
"""What a rewritten assertion calls by this name before it fails."""
_CATCHING: Final = (ast.Try, ast.TryStar, ast.With, ast.AsyncWith)
_UNKNOWN: Final = ast.parse("with pytest.raises(): pass").body[0]
"""Code without a source may have anything around a line."""
_SAY_IT: Final = ("raises", "warns", "subtest", "check")
"""Words in a block that catches failures in order to tell them."""
_TEST: Final = "test"
_BETWEEN: Final = (__name__, judgements.__name__, "_pytest.outcomes")
"""Modules whose functions run between a failure and what notes it."""


@dataclass(frozen=True)
class _Failed:
    """An assertion that failed in a line, with what can catch it in the suite's code around it, if anything can.

    ``judged`` is how many judgements there were before.
    """

    code: CodeType
    line: int
    caught_by: ast.AST | None
    judged: int

    def __str__(self) -> str:
        return f"the assertion in line {self.line} of {self.code.co_name}"


class LostFindings:
    """Notes failed assertions from its making on, until ``close``."""

    def __init__(self) -> None:
        self._failed: list[_Failed] = []
        self._threads: list[str] = []
        self._before: set[threading.Thread] = set()
        self._held = 0
        self._format: Callable[[str], str] = getattr(rewrite, _EXPLAIN)
        self._hook = threading.excepthook
        setattr(rewrite, _EXPLAIN, self._noting)
        threading.excepthook = self._of_thread
        judgements.on_finding(self._note)
        self._fail_init = pytest.fail.Exception.__init__
        pytest.fail.Exception.__init__ = self._failing()  # type: ignore[method-assign]

    def close(self) -> None:
        """Leave everything as it was."""
        setattr(rewrite, _EXPLAIN, self._format)
        threading.excepthook = self._hook
        judgements.on_finding(None)
        pytest.fail.Exception.__init__ = self._fail_init  # type: ignore[method-assign]

    def forget(self) -> None:
        """Another body begins."""
        self._failed.clear()
        self._threads.clear()
        self._before = set(threading.enumerate())

    def of_another(self) -> bool:
        """Whether this runs in a thread that is older than the body."""
        current = threading.current_thread()
        return current in self._before and current is not threading.main_thread()

    def held(self, frame: FrameType | None) -> None:
        """The assertion in ``frame`` holds: pytest explains such ones, too."""
        self._held += 1
        if frame is not None:
            here = (frame.f_code, frame.f_lineno)
            self._failed = [failed for failed in self._failed if (failed.code, failed.line) != here]

    def of(self, function: object) -> str:
        """What nobody heard of the body of ``function``, which has come to its end; empty if there is nothing."""
        if self._threads:
            return f"an assertion failed in a thread, or was not come to: {self._threads[0]}"
        for thread in self._still_running():
            return f"the thread {thread.name} still runs, and nobody hears of its assertions"
        own: CodeType | None = getattr(inspect.unwrap(function), "__code__", None)  # type: ignore[arg-type]
        for failed in self._failed:
            if failed.caught_by is None or (failed.code is own and not _catching(own, failed.line)):
                return f"{failed} failed, and something around it (a decorator, a pool, an event loop) kept that"
            if _is_silent(failed.caught_by) and failed.judged == self._judged():
                return f"{failed} failed and was caught, and nothing was judged afterwards"
        return ""

    def _judged(self) -> int:
        return self._held + judgements.taken()

    def _noting(self, explanation: str) -> str:
        self._note()
        return self._format(explanation)

    def _failing(self) -> Callable[..., None]:
        def noted(failure: object, *arguments: object, **named: object) -> None:
            self._note()
            self._fail_init(failure, *arguments, **named)  # type: ignore[arg-type]

        return noted

    def _note(self) -> None:
        """Note a failure in code of a suite. Code of the harness that raises one may well look for it."""
        frame = inspect.currentframe()
        while frame is not None and frame.f_globals.get("__name__") in _BETWEEN:
            frame = frame.f_back
        if frame is not None and _is_of_a_suite(frame.f_globals) and not self.of_another():
            self._failed.append(_Failed(frame.f_code, frame.f_lineno, _heard_by(frame), self._judged()))

    def _of_thread(self, arguments: threading.ExceptHookArgs) -> None:
        finding = issubclass(arguments.exc_type, AssertionError | pytest.fail.Exception)
        if finding or _came_through_a_suite(arguments.exc_traceback):
            text = str(arguments.exc_value).partition("\n")[0]
            self._threads.append(text if finding else f"{arguments.exc_type.__name__}: {text}")
        hook: Callable[[threading.ExceptHookArgs], object] = self._hook
        hook(arguments)

    def _still_running(self) -> Iterator[threading.Thread]:
        for thread in threading.enumerate():
            target = getattr(thread, "_target", None) or type(thread).run
            code = getattr(target, "__code__", None)
            if thread not in self._before and code is not None and _is_of_a_suite(getattr(target, "__globals__", {})):
                body = function_of(code)
                if body is not None and any(isinstance(node, ast.Assert) for node in ast.walk(body)):
                    yield thread


def _is_of_a_suite(names: Mapping[str, object]) -> bool:
    return _REWRITTEN in names and not str(names.get("__name__", "")).startswith(_OURS)


def of_suites(frame: FrameType | None) -> Iterator[FrameType]:
    """The frames of suites from this one outwards."""
    while frame is not None:
        if _is_of_a_suite(frame.f_globals):
            yield frame
        frame = frame.f_back


def _came_through_a_suite(traceback: TracebackType | None) -> bool:
    while traceback is not None:
        if _is_of_a_suite(traceback.tb_frame.f_globals):
            return True
        traceback = traceback.tb_next
    return False


def _heard_by(frame: FrameType) -> ast.AST | None:
    """The nearest code of the suite around a failure that can catch it; what leaves a test is for pytest alone."""
    for around in of_suites(frame):
        if found := _catching(around.f_code, around.f_lineno):
            return found
        if around.f_code.co_name.startswith(_TEST):
            return None
    return None


def _catching(code: CodeType, line: int) -> ast.AST | None:
    """What a function has around a line that can catch what the line raises."""
    body = function_of(code)
    if body is None:
        return _UNKNOWN
    around = (node for node in ast.walk(body) if isinstance(node, _CATCHING))
    found = [node for node in around if node.lineno <= line <= (node.end_lineno or line)]
    return found[-1] if found else None


def _is_silent(node: ast.AST) -> bool:
    """Whether what was caught is gone. Some blocks say themselves what they have caught."""
    if not isinstance(node, ast.With | ast.AsyncWith):
        return True
    return not any(word in ast.unparse(item.context_expr) for item in node.items for word in _SAY_IT)
