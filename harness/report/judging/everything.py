# SPDX-License-Identifier: Apache-2.0
"""``all`` as the modules of a suite see it: it remembers how many items it has gone through.

``assert all(reply.ok for reply in replies())`` holds where there is no reply. Only the call itself knows that; to ask
``replies`` once more would change what is tested.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from types import CodeType

_last: tuple[CodeType, int] | None = None


def every(items: Iterable[object], /) -> bool:
    """What ``all`` returns."""
    global _last
    number, holds = 0, True
    for item in items:
        number += 1
        if not item:
            holds = False
            break
    _last = sys._getframe(1).f_code, number
    return holds


def went_through_nothing(code: CodeType) -> bool:
    """Whether the latest call was made by ``code`` and had no items."""
    return _last is not None and _last[0] is code and _last[1] == 0


def put_in(module: ast.Module) -> None:
    """Let ``all`` be ``every`` in a module that uses it and does not give the name a meaning of its own.

    Other modules stay as they are: one that lists its own names, as hypothesis does, would find one more.
    """
    if not _uses_all(module) or _binds_all(module):
        return
    place = next((at for at, node in enumerate(module.body) if not _comes_first(node)), len(module.body))
    if place == len(module.body):
        return
    statement = ast.ImportFrom(__name__, [ast.alias(every.__name__, "all")], 0)
    for node in ast.walk(statement):
        ast.copy_location(node, module.body[place])
    module.body.insert(place, statement)


def _comes_first(node: ast.stmt) -> bool:
    """Whether nothing may stand before a statement of a module: its docstring and what it takes from the future."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _uses_all(module: ast.Module) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "all" for node in ast.walk(module))


def _binds_all(module: ast.Module) -> bool:
    for node in ast.walk(module):
        if isinstance(node, ast.Name) and node.id == "all" and not isinstance(node.ctx, ast.Load):
            return True
        if isinstance(node, ast.alias) and (node.asname or node.name) == "all":
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == "all":
            return True
    return False
