# SPDX-License-Identifier: Apache-2.0
"""Small libraries that tests load into real programs."""

from __future__ import annotations

import platform
from pathlib import Path

from harness.provision.compiler import Recipe, compile_c


def preloaded(name: str) -> Path:
    """The library made of ``NAME.c`` in this folder, ready to be loaded before a program's own libraries."""
    recipe = Recipe(
        name=f"{name} library of a test",
        folder=Path(__file__).parent,
        target=f"{platform.machine()}-linux-gnu.2.28",
        sources=(f"{name}.c",),
        flags=("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"),
        inputs=(f"{name}.c",),
        output=f"{name}.so",
    )
    return compile_c(recipe).path / recipe.output
