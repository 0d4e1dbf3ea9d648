# SPDX-License-Identifier: Apache-2.0
"""Everything that a bench needs, at once, and sound: what is damaged in the cache is made again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

from harness.arch import Arch
from harness.errors import HarnessError
from harness.provision.cache import Entry, discard
from harness.provision.compiler import Recipe, compile_c
from harness.provision.images import PROBES, probe_recipe, qvm_recipe, register_server_recipe, window_recipe
from harness.provision.linux.driver import MODULE, has_headers, linux_driver
from harness.provision.linux.image import linux_kernel, linux_root
from harness.provision.notice import notice
from harness.provision.programs import board_prefix
from harness.provision.qemu_program import on_path, prefix, qemu

IMAGES: Final = ("probe", "linux")
"""What guests boot: the program without an operating system, and Linux with the same program in it."""


def provision(arches: Iterable[Arch], images: Collection[str] = IMAGES) -> dict[str, Path]:
    """Fetch and build what is missing for these guests on these architectures; returns where each thing is.

    Reads every file of the cache that takes part, once, and replaces an entry that is damaged. Raises HarnessError.
    """
    found: dict[str, Path] = {}
    for arch in arches:
        if isinstance(on_path(arch), str):
            _sound(prefix)
        found[f"QEMU {arch}"] = qemu(arch).program
        if "probe" in images:
            for variant in PROBES[arch]:
                found[f"probe {variant or arch}"] = _compiled(probe_recipe(arch, variant))
        if "linux" in images:
            found[f"Linux kernel {arch}"] = _sound(functools.partial(linux_kernel, arch)).path
            found[f"Linux root file system {arch}"] = _sound(functools.partial(linux_root, arch)).path
            found.update(_driver(arch))
    found["window library"] = _compiled(window_recipe())
    found["qvm"] = _compiled(qvm_recipe())
    found["register server"] = _compiled(register_server_recipe())
    return found


def _driver(arch: Arch) -> dict[str, Path]:
    """The driver for Linux guests. No bench needs it, and the tests that do say for themselves what is wrong."""
    if not has_headers(arch):
        return {}
    try:
        return {f"Linux driver {arch}": _sound(functools.partial(linux_driver, arch)).path / MODULE}
    except HarnessError as error:
        notice(f"no driver for the Linux guest for {arch}, which only tests of it need: {error}")
        return {}


def provision_board() -> dict[str, Path]:
    """The same for the servers of the loopback board. Raises HarnessError."""
    return {"servers of the loopback board": _sound(board_prefix).path}


def _compiled(recipe: Recipe) -> Path:
    return _sound(lambda: compile_c(recipe)).path / recipe.output


def _sound(entry_of: Callable[[], Entry]) -> Entry:
    entry = entry_of()
    damaged = entry.damage()
    if damaged:
        notice(f"{entry.path / damaged[0]} is damaged; rebuilding it")
        discard(entry)
        entry = entry_of()
    return entry
