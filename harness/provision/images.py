# SPDX-License-Identifier: Apache-2.0
"""What the harness builds from its own C sources: the probe guest's images and the library that QEMU preloads."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

from harness.arch import Arch
from harness.provision.cache import Entry
from harness.provision.compiler import Recipe, compiled, load_recipe

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
PROBE_RECIPE: Final = _CHECKOUT / "targets/images/probe/recipe.toml"
_WINDOW: Final = _CHECKOUT / "harness/emulator/window"


def probe_image(arch: Arch) -> Path:
    """The bootable image of the probe guest (ELF). Raises HarnessError when it does not compile."""
    return probe_entry(arch).path / _probe(arch).output


def probe_entry(arch: Arch) -> Entry:
    """As `probe_image`: the entry of the cache."""
    return compiled(_probe(arch))


def window_library() -> Path:
    """The shared object for QEMU processes of this machine. Raises HarnessError when it does not compile."""
    return window_entry().path / _window().output


def window_entry() -> Entry:
    """As `window_library`: the entry of the cache."""
    return compiled(_window())


def _probe(arch: Arch) -> Recipe:
    return load_recipe(PROBE_RECIPE, arch)


def _window() -> Recipe:
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
