# SPDX-License-Identifier: Apache-2.0
"""Assertions that hold because there was nothing to compare: constants, and what a loop over nothing left."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sized
from functools import cache
from types import FrameType
from typing import Any, Final

from harness.report.judging.constants import constant, function_of
from harness.report.judging.everything import went_through_nothing
from harness.report.judging.lookups import UNKNOWN, value_of
from harness.report.judging.tautologies import always_true

_VIEWS: Final = ("items", "keys", "values")
_WRAPPERS: Final = ("dict", "enumerate", "list", "reversed", "set", "sorted", "tuple", "zip")
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def vacuous(text: str, frame: FrameType | None) -> bool:
    """Whether the assertion ``text``, which holds in ``frame``, says nothing."""
    expression = _parsed(text)
    if expression is None or frame is None:
        return False
    if always_true(expression, frame) or constant(expression, frame) or _has_a_value_for_a_message(frame):
        return True
    if _is_all_of_nothing(expression, frame) or _compares_nothing(expression, frame):
        return True
    name = _said_to_be_empty(expression)
    return name is not None and _never_filled(name, frame)


def _has_a_value_for_a_message(frame: FrameType) -> bool:
    """``assert region.peek(0, 8), b"speed 88"``, where a comparison was meant: what stands there says nothing of it."""
    body = function_of(frame.f_code)
    return body is not None and any(
        isinstance(node, ast.Assert)
        and node.lineno <= frame.f_lineno <= (node.end_lineno or node.lineno)
        and isinstance(node.msg, ast.Constant)
        and not isinstance(node.msg.value, str)
        for node in ast.walk(body)
    )


@cache
def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(f"({text}\n)", mode="eval").body
    except SyntaxError:
        return None


def _is_all_of_nothing(expression: ast.expr, frame: FrameType) -> bool:
    """``all(... for name in NOTHING)``, ``all(NOTHING)``, and ``all`` over what a call gave, which was nothing."""
    if not (isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name)):
        return False
    if expression.func.id != "all" or len(expression.args) != 1:
        return False
    if went_through_nothing(frame.f_code):
        return True
    (over,) = expression.args
    return _is_empty(over.generators[0].iter if isinstance(over, _COMPREHENSIONS) else over, frame)


def _compares_nothing(expression: ast.expr, frame: FrameType) -> bool:
    """``{... for name in TABLE} == TABLE`` with an empty table. A side that is written down empty is meant so."""
    if not (isinstance(expression, ast.Compare) and len(expression.ops) == 1 and isinstance(expression.ops[0], ast.Eq)):
        return False
    sides = (expression.left, expression.comparators[0])
    made = [side for side in sides if isinstance(side, _COMPREHENSIONS) and _is_empty(side.generators[0].iter, frame)]
    return bool(made) and all(side in made or (_is_empty(side, frame) and not _written_empty(side)) for side in sides)


def _said_to_be_empty(expression: ast.expr) -> str | None:
    """The name in ``not NAME``, ``NAME == []``, ``[] == NAME`` and ``len(NAME) == 0``."""
    if isinstance(expression, ast.UnaryOp) and isinstance(expression.op, ast.Not):
        return _name(expression.operand)
    if isinstance(expression, ast.Compare) and len(expression.ops) == 1 and isinstance(expression.ops[0], ast.Eq):
        for side, other in (
            (expression.left, expression.comparators[0]),
            (expression.comparators[0], expression.left),
        ):
            if _written_empty(other):
                return _name(side)
            if ast.unparse(other) == "0" and isinstance(side, ast.Call) and ast.unparse(side.func) == "len":
                return _name(side.args[0])
    return None


def _name(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def _written_empty(node: ast.expr | None) -> bool:
    return node is not None and ast.unparse(node) in ("[]", "{}", "()", "''", "set()", "list()", "dict()", "tuple()")


def _never_filled(name: str, frame: FrameType) -> bool:
    """Whether ``name`` was written down empty and is filled in loops alone that were over nothing.

    Or it was made by a comprehension over nothing.
    """
    function = function_of(frame.f_code)
    if function is None:
        return False
    values = [value for node in ast.walk(function) if (value := _assigned(node, name)) is not None]
    if not values:
        return False
    if all(isinstance(value, _COMPREHENSIONS) and _is_empty(value.generators[0].iter, frame) for value in values):
        return True
    uses = list(_uses(function, name, (), frame.f_lineno))
    return all(map(_written_empty, values)) and all(any(_ran_never(loop, frame) for loop in use) for use in uses)


def _assigned(node: ast.AST, name: str) -> ast.expr | None:
    if isinstance(node, ast.Assign) and any(_name(target) == name for target in node.targets):
        return node.value
    if isinstance(node, ast.AnnAssign) and _name(node.target) == name:
        return node.value
    return None


def _uses(node: ast.AST, name: str, loops: tuple[ast.For, ...], before: int) -> Iterator[tuple[ast.For, ...]]:
    """For each place up to a line that can fill ``name``, the loops that it is in; assertions and returns do not."""
    if isinstance(node, ast.Assert | ast.Return) or getattr(node, "lineno", 0) > before:
        return
    if isinstance(node, ast.Name) and node.id == name:
        yield loops
    inner = (*loops, node) if isinstance(node, ast.For) else loops
    for child in ast.iter_child_nodes(node):
        if _assigned(child, name) is None:
            yield from _uses(child, name, inner, before)


def _ran_never(loop: ast.For, frame: FrameType) -> bool:
    """Whether a loop had nothing to go through: then nothing has given its variable a value."""
    targets = [node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)]
    return (bool(targets) and not any(target in frame.f_locals for target in targets)) or _is_empty(loop.iter, frame)


def _is_empty(node: ast.expr, frame: FrameType) -> bool:
    """Whether an expression is known to be an empty collection; one that would have to be called is not known."""
    attributes = (part for part in ast.walk(node) if isinstance(part, ast.Attribute))
    if not _is_pure(node) or any(value_of(part, frame) is UNKNOWN for part in attributes):
        return False
    try:
        value: Any = eval(compile(ast.Expression(node), "<assertion>", "eval"), frame.f_globals, frame.f_locals)
    except Exception:
        return False
    return isinstance(value, Sized) and len(value) == 0


def _is_pure(node: ast.AST) -> bool:
    """Names, attributes, literals and views of them: what may be looked at twice."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return node.func.attr in _VIEWS and not node.args and _is_pure(node.func.value)
        return _name(node.func) in _WRAPPERS and all(map(_is_pure, node.args)) and not node.keywords
    if isinstance(node, ast.Name | ast.Constant):
        return True
    if isinstance(node, ast.Attribute):
        return _is_pure(node.value)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return all(map(_is_pure, node.elts))
    return False
