# SPDX-License-Identifier: Apache-2.0
"""The Linux guest image: kernel and initial RAM file system, built without privileges and kept in the cache.

Equal inputs give equal bytes. What belongs to one bench (its keys) is not in the image but comes in an archive behind
it (`harness.guest.linux_keys`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from harness.arch import Arch
from harness.errors import HarnessError
from harness.provision import distribution
from harness.provision.cache import Entry
from harness.provision.linux.artifacts import INITRD, KernelArtifact, RootArtifact, found, made
from harness.provision.linux.kernels import IMAGE
from harness.provision.linux.recipe import Base, Recipe, load_base, load_recipe

_MIB: Final = 1 << 20


class ManifestRow(NamedTuple):
    """Name, version, SHA-256 and source of one thing (as `harness.provision.ManifestItem` has them)."""

    name: str
    version: str
    sha256: str
    source: str


@dataclass(frozen=True)
class LinuxImage:
    """An image in the cache."""

    arch: Arch
    kernel: Path
    initrd: Path
    cmdline: str
    release: str
    """The release of the kernel, as ``uname -r`` prints it."""
    memory: int
    """RAM that a guest needs at least, in bytes."""
    items: tuple[ManifestRow, ...]
    """Everything that is in it."""

    def check_memory(self, ram: int) -> None:
        """Raise HarnessError when a guest with ``ram`` bytes is too small for this image."""
        if ram < self.memory:
            raise HarnessError(
                f"the Linux image for {self.arch} needs {self.memory // _MIB} MiB of RAM; the guest has {ram // _MIB}",
                remedy=f"give the guest at least 'ram {self.memory // _MIB}M', or put less into the image",
            )


def linux_image(arch: Arch, recipe: Path | None = None) -> LinuxImage:
    """The image of this architecture, with a user's additions where there are any; built now if the cache has none.

    Raises HarnessError (UsageError for a mistake in the recipe) that names what is wrong.
    """
    additions = load_recipe(recipe, arch) if recipe else Recipe()
    base = linux_base(arch)
    kernel = made(KernelArtifact(arch, base, additions))
    root = made(RootArtifact(arch, base, additions, kernel))
    initrd = root.path / INITRD
    memory = int(kernel.facts["memory"]) + 2 * initrd.stat().st_size  # the archive, and the files unpacked from it
    release = str(kernel.facts["release"])
    return LinuxImage(
        arch=arch,
        kernel=kernel.path / IMAGE,
        initrd=initrd,
        cmdline=" ".join(filter(None, (base.cmdline, additions.cmdline))),
        release=release,
        memory=-(-memory // _MIB) * _MIB,
        items=(
            ManifestRow(f"linux-kernel-{arch}", release, kernel.files[IMAGE], "made ready to start"),
            ManifestRow(f"linux-initrd-{arch}", release, root.files[INITRD], "built by the harness"),
            *(ManifestRow(*row) for row in (*kernel.facts["packages"], *root.facts["packages"])),
        ),
    )


def linux_kernel(arch: Arch) -> Entry:
    """The cache entry of the kernel that comes with the harness; built now if there is none. Raises HarnessError."""
    return made(KernelArtifact(arch, linux_base(arch), Recipe()))


def linux_root(arch: Arch) -> Entry:
    """The cache entry of its root file system; built now if there is none. Raises HarnessError."""
    return made(RootArtifact(arch, linux_base(arch), Recipe(), linux_kernel(arch)))


def find_linux(arch: Arch) -> tuple[Entry, Entry] | None:
    """Both entries if the cache has them; fetches and builds nothing."""
    base = linux_base(arch)
    kernel = found(KernelArtifact(arch, base, Recipe()))
    root = found(RootArtifact(arch, base, Recipe(), kernel)) if kernel else None
    return (kernel, root) if kernel and root else None


def linux_base(arch: Arch) -> Base:
    """What the image of this architecture is made of on this machine's distribution. Raises HarnessError."""
    return load_base(arch, _family())


def _family() -> str:
    """Whose packages these are. A file of sources named by the user is Debian's unless the machine is a known other."""
    try:
        return distribution.family_of(distribution.platform_facts()).name
    except HarnessError:
        if os.environ.get(distribution.SOURCES_OVERRIDE):
            return "debian"
        raise
