# SPDX-License-Identifier: Apache-2.0
"""Assertions that hold by their form: a tuple with a message in it, ``x == x``, ``len(x) >= 0``, ``... or True``."""

from __future__ import annotations

import ast
import inspect
import re
from types import FrameType, GeneratorType
from typing import Any, Final

from harness.report.judging.constants import constant

_ITERATORS: Final = ("filter", "iter", "map", "reversed", "zip")
_SAME: Final = (ast.Eq, ast.Is, ast.LtE, ast.GtE)
_ACTING: Final = (ast.Await, ast.Call, ast.NamedExpr)
_NO_LESS: Final = (("GtE", "0"), ("Gt", "-1"))
_MOCK: Final = re.compile(r"<\w*Mock ")


def of_a_mock(explanation: str) -> bool:
    """Whether pytest's explanation of an assertion that holds says that the value is an object of ``unittest.mock``."""
    return bool(_MOCK.match(explanation))


def always_true(expression: ast.expr, frame: FrameType) -> bool:
    """Whether what is asserted is true by its form, whatever the names in it stand for."""
    match expression:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return any(not isinstance(part, ast.Starred) for part in parts)
        case ast.Dict(keys=keys):
            return any(key is not None for key in keys)
        case ast.GeneratorExp() | ast.Lambda():
            return True
        case ast.JoinedStr(values=parts):
            return any(isinstance(part, ast.Constant) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(always_true(part, frame) or _constantly_true(part, frame) for part in parts)
        case ast.BoolOp(values=parts):
            return all(always_true(part, frame) or _constantly_true(part, frame) for part in parts)
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _compares_in_vain(left, operator, right)
        case ast.Call():
            return _calls_in_vain(expression)
        case ast.Name() | ast.Attribute():
            value = _value(expression, frame)
            return inspect.isroutine(value) or isinstance(value, GeneratorType | filter | map | zip)
    return False


def _constantly_true(expression: ast.expr, frame: FrameType) -> bool:
    return constant(expression, frame) and bool(_value(expression, frame))


def _value(expression: ast.expr, frame: FrameType) -> Any:
    try:
        return eval(compile(ast.Expression(expression), "<assertion>", "eval"), frame.f_globals, frame.f_locals)
    except Exception:
        return None


def _compares_in_vain(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> bool:
    """``x == x``, unless it asks twice; a length that is not below nought; an empty text in another one."""
    if isinstance(operator, _SAME) and ast.dump(left) == ast.dump(right):
        return not any(isinstance(part, _ACTING) for part in ast.walk(left))
    name = type(operator).__name__
    if _is_length(left) and (name, ast.unparse(right)) in _NO_LESS:
        return True
    turned = {"LtE": "GtE", "Lt": "Gt"}.get(name, "")
    if _is_length(right) and (turned, ast.unparse(left)) in _NO_LESS:
        return True
    return isinstance(operator, ast.In) and _is_empty_text(left)


def _is_length(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "len"


def _is_empty_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in ("", b"")


def _calls_in_vain(call: ast.Call) -> bool:
    """An iterator, which is true when it is empty, too; ``isinstance(x, object)``; ``x.startswith("")``."""
    match call:
        case ast.Call(func=ast.Name(id=name)) if name in _ITERATORS:
            return True
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="object")]):
            return True
        case ast.Call(func=ast.Attribute(attr="startswith" | "endswith"), args=[text]):
            return _is_empty_text(text)
    return False
