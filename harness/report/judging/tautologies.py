# SPDX-License-Identifier: Apache-2.0
"""Assertions that hold by their form: a tuple with a message in it, ``x == x``, ``len(x) >= 0``, ``... or True``."""

from __future__ import annotations

import ast
import contextlib
import enum
import inspect
import re
from types import CoroutineType, FrameType, GeneratorType
from typing import Any, Final

from harness.report.judging.constants import constant
from harness.report.judging.lookups import UNKNOWN, value_of

_ITERATORS: Final = ("filter", "iter", "map", "reversed", "zip")
_SAME: Final = (ast.Eq, ast.Is, ast.LtE, ast.GtE)
_EQUAL: Final = (ast.Eq, ast.LtE, ast.GtE)
_UNCHANGING: Final = (bool, bytes, complex, enum.Enum, float, frozenset, int, str, tuple, type, type(None))
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
            one_of_two = any(_is_negation(part, other) for part in parts for other in parts)
            return one_of_two or any(always_true(part, frame) or _constantly_true(part, frame) for part in parts)
        case ast.BoolOp(values=parts):
            return all(always_true(part, frame) or _constantly_true(part, frame) for part in parts)
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _compares_in_vain(left, operator, right) or (
                isinstance(operator, _EQUAL)
                and (_is_one_object(left, right, frame) or any(_equals_anything(side, frame) for side in (left, right)))
            )
        case ast.Call():
            return _calls_in_vain(expression)
        case ast.Name() | ast.Attribute():
            value = value_of(expression, frame)
            return inspect.isroutine(value) or isinstance(value, CoroutineType | GeneratorType | filter | map | zip)
    return False


def _constantly_true(expression: ast.expr, frame: FrameType) -> bool:
    if not constant(expression, frame):
        return False
    try:
        return bool(eval(compile(ast.Expression(expression), "<assertion>", "eval"), frame.f_globals, frame.f_locals))
    except Exception:
        return False


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


def _is_negation(one: ast.expr, other: ast.expr) -> bool:
    """Whether ``one`` is ``not other``; calls may answer differently."""
    if not (isinstance(one, ast.UnaryOp) and isinstance(one.op, ast.Not)):
        return False
    return ast.dump(one.operand) == ast.dump(other) and not any(isinstance(part, _ACTING) for part in ast.walk(other))


def _is_one_object(left: ast.expr, right: ast.expr, frame: FrameType) -> bool:
    """Whether both sides are names of one and the same object that can change.

    Equal numbers and texts may be one object without a common origin, so they are left out.
    """
    value = value_of(left, frame)
    return value is value_of(right, frame) and value is not UNKNOWN and not isinstance(value, _UNCHANGING)


def _equals_anything(node: ast.expr, frame: FrameType) -> bool:
    """Whether an object says that it equals one it has never seen, as ``mock.ANY`` does."""
    value = value_of(node, frame)
    kind: Any = type(value)
    if kind.__eq__ is object.__eq__ or isinstance(value, _UNCHANGING):
        return False
    with contextlib.suppress(Exception):
        return (value == object()) is True
    return False


def _is_length(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "len"


def _is_empty_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in ("", b"")


def _calls_in_vain(call: ast.Call) -> bool:
    """An iterator, which is true when it is empty, too; ``isinstance(x, object)``; ``x.startswith("")``.

    And a regular expression that the empty text matches, so that it is found everywhere.
    """
    match call:
        case ast.Call(func=ast.Name(id=name)) if name in _ITERATORS:
            return True
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="object")]):
            return True
        case ast.Call(func=ast.Attribute(attr="startswith" | "endswith"), args=[text]):
            return _is_empty_text(text)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr="search" | "match"), args=[pattern, _, *_]):
            return isinstance(pattern, ast.Constant) and _matches_everything(pattern.value)
    return False


def _matches_everything(pattern: object) -> bool:
    """Whether a regular expression without anchors and lookarounds matches the empty text."""
    if not isinstance(pattern, str) or re.search(r"[\\^$]|\(\?", pattern):
        return False
    with contextlib.suppress(re.error):
        return re.match(pattern, "") is not None
    return False
