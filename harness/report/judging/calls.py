# SPDX-License-Identifier: Apache-2.0
"""Checks that are calls or ``with`` statements, and say nothing: of constants alone, or of any error at all.

``self.assertEqual(2, 2)``, ``with pytest.raises(ZeroDivisionError): 1 / 0``, ``with pytest.raises(Exception)``, which a
slip of the test itself satisfies.
"""

from __future__ import annotations

import ast
import builtins
from types import FrameType
from typing import Any, Final

from harness.report.judging.constants import constant, function_of

_ANY: Final = (BaseException, Exception)
_WARN: Final = ("warn", "warnings.warn")
_BLOCKS: Final = ("assertLogs", "assertNoLogs", "assertRaises", "assertRaisesRegex", "assertWarns", "assertWarnsRegex")
"""Assertions of ``unittest`` that judge a block of statements when they are called without a function."""


def of_constants(frame: FrameType, name: str) -> bool:
    """Whether the call of ``name`` that is under way in ``frame`` has nothing but constants to compare."""
    function, line = function_of(frame.f_code), frame.f_lineno
    calls = [
        node
        for node in ast.walk(function or ast.Pass())
        if isinstance(node, ast.Call)
        and node.lineno <= line <= (node.end_lineno or line)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == name
    ]
    return bool(calls) and all(_is_constant(call, frame) for call in calls)


def of_any_error(name: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an assertion of ``unittest``, called with ``arguments``, holds for every exception."""
    return name == "assertRaises" and len(arguments) > 1 and is_any(arguments[1])


def is_any(kinds: Any) -> bool:
    """Whether an exception, or one of several in a tuple, stands for all of them."""
    return any(kind in _ANY for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))


def of_a_block(name: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an assertion of ``unittest``, called with ``arguments``, judges a block that is still to run."""
    return name in _BLOCKS and not any(callable(value) and not isinstance(value, type) for value in arguments[2:])


def block_of_constants(frame: FrameType) -> bool:
    """Whether the block of the ``with`` statement that ``frame`` is at has nothing in it that the device decides."""
    function, line = function_of(frame.f_code), frame.f_lineno
    blocks = [
        node
        for node in ast.walk(function or ast.Pass())
        if isinstance(node, ast.With)
        and any(item.context_expr.lineno <= line <= (item.context_expr.end_lineno or line) for item in node.items)
    ]
    return bool(blocks) and all(_is_settled(statement, frame) for block in blocks for statement in block.body)


def _is_constant(call: ast.Call, frame: FrameType) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return all(constant(part, frame) for part in given)


def _is_settled(statement: ast.stmt, frame: FrameType) -> bool:
    match statement:
        case ast.Pass():
            return True
        case ast.Raise(exc=None) | ast.Raise(exc=ast.Name()):
            return True
        case ast.Raise(exc=ast.Call(func=ast.Name()) as call):
            return _is_constant(call, frame)
        case ast.Assert(test=value) | ast.Assign(value=value):
            return constant(value, frame)
        case ast.Expr(value=ast.Call() as call) if ast.unparse(call.func) in _WARN:
            return all(constant(part, frame) or _is_builtin(part) for part in call.args)
        case ast.Expr(value=value):
            return constant(value, frame)
    return False


def _is_builtin(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and hasattr(builtins, node.id)
