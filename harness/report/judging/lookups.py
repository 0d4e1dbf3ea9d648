# SPDX-License-Identifier: Apache-2.0
"""What a name or an attribute in an assertion stands for, found without running any code.

An assertion has been evaluated already when it is looked at. To call again what it called, or to ask a property again,
could change what is tested, or wait for what comes only once.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from types import FrameType
from typing import Any, Final

UNKNOWN: Final = object()
"""The value of what only code could tell."""


def value_of(node: ast.expr, frame: FrameType) -> Any:
    """The value of a name, or of attributes of one; UNKNOWN for everything else."""
    if isinstance(node, ast.Name):
        for names in (frame.f_locals, frame.f_globals, vars(builtins)):
            if node.id in names:
                return names[node.id]
        return UNKNOWN
    if not isinstance(node, ast.Attribute):
        return UNKNOWN
    owner = value_of(node.value, frame)
    if owner is UNKNOWN:
        return UNKNOWN
    found = inspect.getattr_static(owner, node.attr, UNKNOWN)
    if isinstance(found, staticmethod | classmethod):
        return found.__func__
    if inspect.ismemberdescriptor(found):
        return getattr(owner, node.attr, UNKNOWN)
    return found if inspect.isroutine(found) or not hasattr(type(found), "__get__") else UNKNOWN
