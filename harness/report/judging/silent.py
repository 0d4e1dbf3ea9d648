# SPDX-License-Identifier: Apache-2.0
"""Bodies without assertions, which judge in a way that shows only in a failure.

``pytest.fail`` and ``raise AssertionError`` are only carried out when the device is wrong. Such a body has judged when
it came to the question that leads there: an ``if`` about something that the device decides, a ``try``. So the lines
that it goes through are noted.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from types import CodeType, FrameType
from typing import Any, Final

from harness.report.judging.constants import constant, function_of

_QUESTIONS: Final = (ast.If, ast.IfExp, ast.While, ast.BoolOp, ast.Match, ast.Try)
_LATER: Final = (ast.GeneratorExp, ast.Lambda)
_DEEPEST: Final = 3
"""Functions that call each other."""
_WAYS_OUT: Final = (ast.Return, ast.Break, ast.Continue)


def has_assertions(function: object) -> bool:
    """Whether the body of a test's function has assertions, of pytest or of ``unittest``, or functions that it calls by
    name have."""
    return _has_assertions(inspect.unwrap(function), _DEEPEST)  # type: ignore[arg-type]


def _has_assertions(function: object, depth: int) -> bool:
    code = getattr(function, "__code__", None)
    body = _read(code)[0] if code else None
    if body is None:
        return False
    if any(isinstance(node, ast.Assert) or _asserts(node) for node in ast.walk(body)):
        return True
    names: dict[str, object] = getattr(function, "__globals__", {})
    called = {node.func.id for node in ast.walk(body) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    helpers = [names[name] for name in called if inspect.isfunction(names.get(name))]
    return depth > 0 and any(_has_assertions(helper, depth - 1) for helper in helpers)


class Silent:
    """The function of a test, if it can judge in silence."""

    def __init__(self, function: object) -> None:
        self._code: CodeType | None = getattr(inspect.unwrap(function), "__code__", None)  # type: ignore[arg-type]
        self._body, self._asserts, self._failing = _read(self._code) if self._code else (None, False, [])
        self._lines: set[int] = set()
        self._frame: FrameType | None = None

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Note the lines that the body goes through, unless a debugger looks at them already."""
        if self._asserts or not self._failing or sys.gettrace() is not None:
            yield
            return
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(None)

    def judged(self, met_demands: bool) -> bool:
        """Whether the body that has ended made a judgement; one with assertions, of which none was made, did not."""
        if self._body is None or self._asserts:
            return False
        if met_demands:
            return True
        if self._frame is None:
            return bool(self._failing)
        above = {child: node for node in ast.walk(self._body) for child in ast.iter_child_nodes(node)}
        return any(self._came_to(node, above) for node in self._failing)

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code is not self._code:
            return None
        self._frame = frame
        if event == "line":
            self._lines.add(frame.f_lineno)
        return self._trace

    def _came_to(self, failing: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
        """Whether the question was asked that leads to ``failing``: one around it or with a way out."""
        node = failing
        while node in above:
            node = above[node]
            if isinstance(node, _LATER):
                return False
            if isinstance(node, _QUESTIONS):
                return self._asked(node) and not self._was_swallowed(failing, node)
        return any(
            self._asked(node) and any(isinstance(part, _WAYS_OUT) for part in ast.walk(node))
            for node in above
            if isinstance(node, _QUESTIONS)
        )

    def _was_swallowed(self, failing: ast.AST, question: ast.AST) -> bool:
        """Whether the failure itself was carried out, and yet the body went on to its end."""
        line: int = failing.lineno  # type: ignore[attr-defined]
        return line in self._lines and line != question.lineno  # type: ignore[attr-defined]

    def _asked(self, question: ast.AST) -> bool:
        """Whether the body came to a question, and not the text of the test alone has answered it."""
        if question.lineno not in self._lines or self._frame is None:  # type: ignore[attr-defined]
            # A ``try`` has no step of its own everywhere.
            first = question.body[0].lineno if isinstance(question, ast.Try) else None
            if first not in self._lines or self._frame is None:
                return False
        if isinstance(question, ast.If | ast.IfExp | ast.While):
            return not constant(question.test, self._frame)
        if isinstance(question, ast.BoolOp):
            return not constant(question.values[0], self._frame)
        return not (isinstance(question, ast.Match) and constant(question.subject, self._frame))


@cache
def _read(code: CodeType) -> tuple[ast.AST | None, bool, list[ast.AST]]:
    """The body of a function, whether it has assertions, and what in it fails a test. Many tests share a function."""
    body = function_of(code)
    nodes = list(ast.walk(body)) if body else []
    return body, any(isinstance(node, ast.Assert) for node in nodes), [node for node in nodes if _fails(node)]


def _asserts(node: ast.AST) -> bool:
    """Whether this is a call like ``pytest.raises(...)`` or ``self.assertEqual(...)``."""
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func).rpartition(".")[2]
    return name in ("raises", "warns") or name.startswith("assert")


def _fails(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pytest.fail", "fail"):
        return True
    return isinstance(node, ast.Raise) and node.exc is not None and "AssertionError" in ast.unparse(node.exc)
