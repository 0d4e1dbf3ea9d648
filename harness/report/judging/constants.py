# SPDX-License-Identifier: Apache-2.0
"""Expressions whose value depends on the text of a test alone, and not on the device."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Iterator
from functools import cache
from types import CodeType, FrameType
from typing import Final

_PURE: Final = (
    *("abs", "all", "any", "bool", "bytes", "dict", "enumerate", "float", "frozenset", "int", "isinstance", "len"),
    *("list", "max", "min", "range", "repr", "reversed", "set", "sorted", "str", "sum", "tuple", "zip"),
)
_PLAIN: Final = (int, float, str, bytes, type(None), tuple, frozenset)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_OPERATIONS: Final = (
    *(ast.BinOp, ast.BoolOp, ast.Compare, ast.Dict, ast.FormattedValue, ast.IfExp, ast.JoinedStr, ast.List, ast.Set),
    *(ast.Slice, ast.Starred, ast.Subscript, ast.Tuple, ast.UnaryOp),
)
_BRANCHES: Final = (ast.AsyncFor, ast.AsyncWith, ast.For, ast.If, ast.Match, ast.Try, ast.While, ast.With)


@cache
def function_of(code: CodeType) -> ast.AST | None:
    """The source of the function that runs, with the line numbers of its file."""
    first = code.co_firstlineno - 1
    # Not inspect.getsource(): it goes through all modules for the file's own, which is slow (observed).
    lines = linecache.getlines(code.co_filename)[first:]
    if not lines:
        return None
    try:
        block = inspect.getblock(lines)
        return ast.increment_lineno(ast.parse(textwrap.dedent("".join(block))), first)
    except SyntaxError:
        return None


def constant(node: ast.AST | None, frame: FrameType, bound: frozenset[str] = frozenset()) -> bool:
    """Whether an expression in ``frame`` has its value from constants alone. ``bound`` are names of comprehensions."""
    if node is None or isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Name):
        return node.id in bound or _constant_name(node.id, frame)
    if isinstance(node, ast.NamedExpr):
        return constant(node.value, frame, bound)
    if isinstance(node, ast.Call):
        return _constant_call(node, frame, bound)
    if isinstance(node, _COMPREHENSIONS):
        for generator in node.generators:
            if not constant(generator.iter, frame, bound):
                return False
            bound |= {part.id for part in ast.walk(generator.target) if isinstance(part, ast.Name)}
        inner = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        inner += [test for generator in node.generators for test in generator.ifs]
        return all(constant(part, frame, bound) for part in inner)
    if isinstance(node, _OPERATIONS):
        parts = (part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr))
        return all(constant(part, frame, bound) for part in parts)
    return False


def _constant_call(node: ast.Call, frame: FrameType, bound: frozenset[str]) -> bool:
    if isinstance(node.func, ast.Name):
        name = node.func.id
        if name not in _PURE or name in frame.f_locals or name in frame.f_globals:
            return False
    elif not (isinstance(node.func, ast.Attribute) and constant(node.func.value, frame, bound)):
        return False
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    return all(constant(part, frame, bound) for part in given)


def _constant_name(name: str, frame: FrameType) -> bool:
    code = frame.f_code
    if name not in code.co_varnames:
        # A name of the module. A collection could be filled elsewhere.
        inside = name in code.co_cellvars or name in code.co_freevars or name in frame.f_locals
        return not inside and isinstance(frame.f_globals.get(name, NotImplemented), _PLAIN)
    arguments = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & inspect.CO_VARARGS)
    if name in code.co_varnames[: arguments + bool(code.co_flags & inspect.CO_VARKEYWORDS)]:
        return False
    function = function_of(code)
    if function is None:
        return False
    values = list(_settled(function, name, frame.f_lineno))
    # Earlier assignments can only name what a later one names too, so this comes to an end.
    return bool(values) and all(
        value is not None and not _mentions(value, name) and constant(value, frame) for value in values
    )


def _mentions(node: ast.AST, name: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))


def _settled(node: ast.AST, name: str, before: int, branch: bool = False) -> Iterator[ast.expr | None]:
    """Each value that ``name`` is given up to a line; None if anything else could change it or its content."""
    if isinstance(node, ast.Assert | ast.Return) or getattr(node, "lineno", 0) > before:
        return
    if isinstance(node, ast.Name) and node.id == name:
        yield None
        return
    branch = branch or isinstance(node, _BRANCHES)
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.If | ast.While) and child is node.test and _only_looks(child):
            continue
        value = _assigned(child, name)
        if value is not None:
            # In a branch, it may be the device that decides whether it is given.
            yield None if branch else value
        else:
            yield from _settled(child, name, before, branch)


def _only_looks(node: ast.AST) -> bool:
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    return all(isinstance(call.func, ast.Name) and call.func.id in _PURE for call in calls)


def _assigned(node: ast.AST, name: str) -> ast.expr | None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        (target,) = node.targets
        return node.value if isinstance(target, ast.Name) and target.id == name else None
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
        return node.value
    return None
