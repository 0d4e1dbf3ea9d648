# SPDX-License-Identifier: Apache-2.0
"""Names, groups and texts of all faults, read from the sources of their modules without importing these.

The modules import most of the emulated host. Listing and selecting faults needs none of it, and a host only when it
is given a fault.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

MODULES: Final = (
    "access_rules",
    "access_requests",
    "create",
    "registers_factory",
    "registers_control",
    "lifecycle",
    "notification_signals",
    "notification_interrupts",
    "placement",
    "isolation",
)
"""The modules of this package that have faults. The name of each begins with the group of its faults."""


@dataclass(frozen=True)
class Fault:
    """A defect: what it is called, which requirements must notice it, what it does, and the module that has it."""

    name: str
    group: str
    text: str
    module: str


@cache
def catalogue() -> Mapping[str, Fault]:
    """All faults by name, group after group."""
    return {fault.name: fault for module in MODULES for fault in _read(module)}


def _read(module: str) -> Iterator[Fault]:
    """What the calls of ``fault`` in a module say; their texts are literals."""
    path = Path(__file__).with_name(f"{module}.py")
    for statement in ast.parse(path.read_text(), str(path)).body:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Name(id="fault"), keywords=keywords)):
                said = {keyword.arg: keyword.value for keyword in keywords}
                name, group, text = (ast.literal_eval(said[key]) for key in ("name", "group", "text"))
                yield Fault(name, group, text, module)
