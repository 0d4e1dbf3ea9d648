# SPDX-License-Identifier: Apache-2.0
"""What the harness builds from its own C sources: the probe guest's images and the library that QEMU preloads."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

from harness import shipped
from harness.arch import ARCHES, Arch
from harness.provision.compiler import Recipe, compile_c, load_recipe

PROBE_RECIPE: Final = shipped.TARGETS / "images/probe/recipe.toml"
_WINDOW: Final = shipped.PACKAGE / "emulator/window"


def probe_image(arch: Arch) -> Path:
    """The bootable image of the probe guest (ELF). Raises HarnessError when it does not compile."""
    recipe = probe_recipe(arch)
    return compile_c(recipe).path / recipe.output


def window_library() -> Path:
    """The shared object for QEMU processes of this machine. Raises HarnessError when it does not compile."""
    recipe = window_recipe()
    return compile_c(recipe).path / recipe.output


def probe_recipe(arch: Arch) -> Recipe:
    """How the probe's image is made (see its own recipe file)."""
    return load_recipe(PROBE_RECIPE, arch)


def window_recipe() -> Recipe:
    """How the window library is made."""
    return Recipe(
        name="window library",
        folder=_WINDOW,
        # An old C library's symbols only: the object is loaded into QEMUs of unknown age.
        target=f"{platform.machine()}-linux-gnu.2.28",
        sources=("window.c",),
        flags=("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"),
        inputs=("window.c",),
        output="window.so",
    )


def built() -> dict[str, Recipe]:
    """Everything that is built here, by its name in the manifest."""
    return {**{f"probe-{arch}": probe_recipe(arch) for arch in ARCHES}, "window-library": window_recipe()}
