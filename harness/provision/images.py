# SPDX-License-Identifier: Apache-2.0
"""What the harness builds from its own C sources: the probe guest's images, and programs for this machine."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final, Literal

from harness import shipped
from harness.arch import ARCHES, Arch
from harness.provision.compiler import Recipe, compile_c, load_recipe

ProbeVariant = Literal["", "aarch64-2g"]
"""A variant of the probe's image for a machine that QEMU's is not: ``aarch64-2g`` is for RAM at 2 GiB."""

PROBES: Final[dict[Arch, tuple[ProbeVariant, ...]]] = {"aarch64": ("", "aarch64-2g"), "x86_64": ("",)}
"""The images of each architecture."""

PROBE_STARTS: Final[dict[Arch | ProbeVariant, int]] = {
    "x86_64": 0x10_0000,
    "aarch64": 0x4020_0000,
    "aarch64-2g": 0x8020_0000,
}
"""Where the image of an architecture, or of a variant, begins in the guest's memory."""

PROBE_RECIPE: Final = shipped.TARGETS / "images/probe/recipe.toml"
_EMULATOR: Final = shipped.PACKAGE / "emulator"
_WINDOW: Final = _EMULATOR / "window"
_BENCH: Final = shipped.PACKAGE / "bench"
# An old C library's symbols only: the window library is loaded into QEMUs of unknown age.
_THIS_MACHINE: Final = f"{platform.machine()}-linux-gnu.2.28"


def probe_image(arch: Arch, variant: ProbeVariant = "") -> Path:
    """The bootable image of the probe guest (ELF). Raises HarnessError when it does not compile."""
    return _compiled(probe_recipe(arch, variant))


def window_library() -> Path:
    """The shared object for QEMU processes of this machine. Raises HarnessError when it does not compile."""
    return _compiled(window_recipe())


def qvm_program() -> Path:
    """The emulated host's qvm for this machine. Raises HarnessError when it does not compile."""
    return _compiled(qvm_recipe())


def register_server() -> Path:
    """The vfio-user server that figures are held against. Raises HarnessError when it does not compile."""
    return _compiled(register_server_recipe())


def _compiled(recipe: Recipe) -> Path:
    """What a recipe makes."""
    return compile_c(recipe).path / recipe.output


def probe_recipe(arch: Arch, variant: ProbeVariant = "") -> Recipe:
    """How the probe's image is made (see its own recipe file); without a variant, the one that QEMU's machine boots."""
    return load_recipe(PROBE_RECIPE, variant or arch)


def window_recipe() -> Recipe:
    """How the window library is made."""
    return _for_this_machine("window library", _WINDOW / "window.c", "window.so", "-shared", "-fPIC")


def qvm_recipe() -> Recipe:
    """How qvm is made."""
    return _for_this_machine("qvm", _EMULATOR / "qvm.c", "qvm")


def register_server_recipe() -> Recipe:
    """How the vfio-user server that figures are held against is made."""
    return _for_this_machine("register server", _BENCH / "register_server.c", "register-server")


def _for_this_machine(name: str, source: Path, output: str, *flags: str) -> Recipe:
    return Recipe(
        name=name,
        folder=source.parent,
        target=_THIS_MACHINE,
        sources=(source.name,),
        flags=(*flags, "-O2", "-Wall", "-Wextra", "-Werror"),
        inputs=(source.name,),
        output=output,
    )


def built() -> dict[str, Recipe]:
    """Everything that is built here, by its name in the manifest."""
    probes = {f"probe-{variant or arch}": probe_recipe(arch, variant) for arch in ARCHES for variant in PROBES[arch]}
    programs = {"qvm": qvm_recipe(), "register-server": register_server_recipe()}
    return {**probes, "window-library": window_recipe(), **programs}
