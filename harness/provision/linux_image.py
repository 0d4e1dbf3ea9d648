# SPDX-License-Identifier: Apache-2.0
"""The Linux guest image: kernel and initial RAM file system, built without privileges and kept in the cache.

Equal inputs give equal bytes. What belongs to one bench (its keys) is not in the image but comes in an
archive behind it (`harness.guest.linux_keys`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from harness.arch import Arch
from harness.errors import HarnessError
from harness.provision import distribution
from harness.provision.apt import Package, Request, packages
from harness.provision.cache import Entry, cached
from harness.provision.compiler import compile_c
from harness.provision.compiler import load_recipe as load_program
from harness.provision.linux_cpio import Cpio
from harness.provision.linux_kernels import IMAGE as KERNEL_IMAGE
from harness.provision.linux_kernels import kernel_packages, own_kernel, packaged_kernel, stored_kernel
from harness.provision.linux_packages import PackageFiles
from harness.provision.linux_recipe import Base, Recipe, load_base, load_recipe
from harness.provision.linux_root import add_modules, add_packages, add_recipe, base_root, is_documentation, own_root
from harness.provision.notice import notice

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_PROBE: Final = _CHECKOUT / "targets/images/probe/linux.toml"
_PROBE_PLACE: Final = "/usr/bin/probe"
_PROBE_PROGRAM: Final = "probe"
_INITRD: Final = "initrd"
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
    """Of the kernel, as ``uname -r`` tells it."""
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
    base = load_base(arch, _family())
    kernel = _kernel(arch, base, additions)
    root = _Root(arch, base, additions, kernel).entry()
    initrd = root.path / _INITRD
    memory = int(kernel.facts["memory"]) + 2 * initrd.stat().st_size  # the archive, and the files unpacked from it
    release = str(kernel.facts["release"])
    return LinuxImage(
        arch=arch,
        kernel=kernel.path / KERNEL_IMAGE,
        initrd=initrd,
        cmdline=" ".join(filter(None, (base.cmdline, additions.cmdline))),
        release=release,
        memory=-(-memory // _MIB) * _MIB,
        items=(
            ManifestRow(f"linux-kernel-{arch}", release, kernel.files[KERNEL_IMAGE], "made ready to start"),
            ManifestRow(f"linux-initrd-{arch}", release, root.files[_INITRD], "built by the harness"),
            *(ManifestRow(*row) for row in (*kernel.facts["packages"], *root.facts["packages"])),
        ),
    )


def linux_probe(arch: Arch) -> Entry:
    """The probe as a Linux program (file ``probe``)."""
    return compile_c(load_program(_PROBE, arch))


def _kernel(arch: Arch, base: Base, recipe: Recipe) -> Entry:
    """The cache entry of the kernel."""
    own = recipe.kernel
    fetched = [] if own else packages(Request((base.kernel_package,), arch))

    def build(folder: Path) -> Mapping[str, Any]:
        notice(f"making the Linux kernel for {arch} ready")
        files = own_kernel(own, arch) if own else packaged_kernel(fetched, arch)
        return {**files.store(folder), "packages": [_row(package, arch) for package in kernel_packages(fetched)]}

    inputs = {
        "builder": _builder(),
        "own": _digest(own.inputs()) if own else "",
        "packages": " ".join(package.sha256 for package in fetched),
    }
    return cached(f"linux-kernel-{arch}", inputs, build, what=f"Linux kernel for {arch}")


@dataclass(frozen=True)
class _Root:
    """The initial RAM file system of one image."""

    arch: Arch
    base: Base
    recipe: Recipe
    kernel: Entry

    def entry(self) -> Entry:
        """Its cache entry."""
        fetched = self._packages()
        inputs = {
            "builder": _builder(),
            "base": _digest([self.base.folder]),
            "recipe": _digest(self.recipe.inputs()),
            "kernel": self.kernel.path.name,
            "probe": linux_probe(self.arch).files[_PROBE_PROGRAM],
            "packages": " ".join(package.sha256 for package in fetched),
        }

        def build(folder: Path) -> Mapping[str, Any]:
            notice(f"building the root file system of the Linux image for {self.arch}")
            files = PackageFiles.of(fetched, lambda path: not is_documentation(path))
            root = self._members(files, fetched)
            initrd = (own_root(self.recipe.root) if self.recipe.root else b"") + root.serialise()
            (folder / _INITRD).write_bytes(initrd)
            used = files.packages_of(root)
            return {"packages": [_row(package, self.arch) for package in fetched if package.name in used]}

        return cached(f"linux-root-{self.arch}", inputs, build, what=f"Linux image for {self.arch}")

    def _packages(self) -> list[Package]:
        wanted = (*(() if self.recipe.root else self.base.packages), *self.recipe.packages)
        return packages(Request(wanted, self.arch)) if wanted else []

    def _members(self, files: PackageFiles, fetched: Sequence[Package]) -> Cpio:
        base, recipe = self.base, self.recipe
        root = Cpio() if recipe.root else base_root(base, files)
        root.file(_PROBE_PLACE, (linux_probe(self.arch).path / _PROBE_PROGRAM).read_bytes(), 0o755)
        for name in recipe.packages:
            add_packages(root, PackageFiles.of(one for one in fetched if one.name == name), files)
        # A user's own kernel without modules, or own root file system, takes care of what it needs itself.
        bare_kernel = recipe.kernel is not None and recipe.kernel.modules is None
        load = (*(() if recipe.root or bare_kernel else base.modules), *recipe.load)
        if not recipe.root or load or recipe.include:
            kernel = stored_kernel(self.kernel.path, str(self.kernel.facts["release"]))
            add_modules(root, kernel, load, recipe.include, self.arch)
        add_recipe(root, recipe)
        return root


def _row(package: Package, arch: Arch) -> tuple[str, str, str, str]:
    return (f"{package.name} ({arch})", package.version, package.sha256, package.source)


def _builder() -> str:
    """What decides how an image is built: another builder makes another image."""
    return _digest(sorted(Path(__file__).parent.glob("linux*.py")))


def _family() -> str:
    """Whose packages these are. A file of sources named by the user is Debian's unless the machine is a known other."""
    try:
        return distribution.family_of(distribution.platform_facts()).name
    except HarnessError:
        if os.environ.get(distribution.SOURCES_OVERRIDE):
            return "debian"
        raise


def _digest(paths: Iterable[Path]) -> str:
    """One hash of all the files, with their places and executable bits."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            name = str(file.relative_to(path)) if file != path else file.name
            if file.is_symlink():
                digest.update(f"{name}\0link {file.readlink()}\0".encode())
            elif file.is_file():
                content = file.read_bytes()
                digest.update(f"{name}\0{os.access(file, os.X_OK)} {len(content)}\0".encode() + content)
    return digest.hexdigest()
