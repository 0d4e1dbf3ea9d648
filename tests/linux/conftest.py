# SPDX-License-Identifier: Apache-2.0
"""Kernel modules and kernels in miniature: real ELF objects with the sections that count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from harness.arch import Arch
from harness.provision.compiler import Recipe, compile_c

_MODULE = 'static const char {name}[] __attribute__((section(".modinfo"), used)) = "{field}={value}";\n'


class MakeModule(Protocol):
    """The fixture ``make_module``."""

    def __call__(self, depends: str = "", *, release: str = "6.1-test", arch: Arch = "x86_64") -> bytes:
        """An object file that names the modules which it needs."""


def compile_object(folder: Path, source: str, arch: Arch, *flags: str) -> bytes:
    """The object file of a C source."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.c").write_text(source)
    recipe = Recipe(
        name="object of a test",
        folder=folder,
        target=f"{arch}-freestanding-none",
        sources=("source.c",),
        flags=("-g0", "-O1", *flags),
        inputs=("source.c",),
        output="object.o",
    )
    return (compile_c(recipe).path / recipe.output).read_bytes()


@pytest.fixture
def make_module(tmp_path: Path) -> MakeModule:
    """Makes kernel modules, as far as the builder of images looks into them."""

    def make(depends: str = "", *, release: str = "6.1-test", arch: Arch = "x86_64") -> bytes:
        fields = {"depends": depends, "vermagic": f"{release} SMP mod_unload "}
        source = "".join(_MODULE.format(name=name, field=name, value=value) for name, value in fields.items())
        return compile_object(tmp_path / "module", source, arch, "-c")

    return make


@pytest.fixture
def make_elf(tmp_path: Path) -> Callable[..., bytes]:
    """Makes a program of given C source."""

    def make(source: str, arch: Arch, *flags: str) -> bytes:
        return compile_object(
            tmp_path / "program", source, arch, "-nostdlib", "-static", "-Wl,--no-gc-sections", *flags
        )

    return make
