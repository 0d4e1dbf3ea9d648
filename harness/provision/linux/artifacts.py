# SPDX-License-Identifier: Apache-2.0
"""The two artifacts of a Linux guest image, each an entry of the cache: the kernel and the root file system."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from harness import shipped
from harness.arch import Arch
from harness.provision.apt import Package, Request, packages
from harness.provision.cache import Entry, cached, find
from harness.provision.compiler import Recipe as Program
from harness.provision.compiler import compile_c, find_compiled
from harness.provision.compiler import load_recipe as load_program
from harness.provision.linux.cpio import Cpio
from harness.provision.linux.kernels import kernel_packages, own_kernel, packaged_kernel, stored_kernel
from harness.provision.linux.packages import PackageFiles
from harness.provision.linux.recipe import Base, Recipe
from harness.provision.linux.root import add_modules, add_packages, add_recipe, base_root, is_documentation, own_root
from harness.provision.notice import notice

INITRD: Final = "linux-initrd"
"""Name of the root file system in its entry."""

_PROBE: Final = shipped.TARGETS / "images/probe/linux.toml"
_PROBE_PLACE: Final = "/usr/bin/probe"


class Artifact(Protocol):
    """Something that is built once and kept in the cache: its kind, its inputs, and how to build it."""

    @property
    def kind(self) -> str:
        """Folder of the cache, and name for a person."""

    def requests(self) -> list[Request]:
        """The packages that it is made of."""

    def programs(self) -> list[Program]:
        """The programs that it is made of."""

    def inputs(self) -> dict[str, str]:
        """What decides its content. Packages and programs that the cache does not have are fetched and built."""

    def build(self, folder: Path) -> Mapping[str, Any]:
        """Make it in an empty folder."""


def made(artifact: Artifact) -> Entry:
    """The entry, from the cache or built now. Raises HarnessError."""
    return cached(artifact.kind, artifact.inputs(), artifact.build, what=artifact.kind.replace("-", " "))


def found(artifact: Artifact) -> Entry | None:
    """The entry if the cache has it; fetches and builds nothing."""
    if any(find("packages", request.inputs) is None for request in artifact.requests()):
        return None
    if any(find_compiled(program) is None for program in artifact.programs()):
        return None
    return find(artifact.kind, artifact.inputs())


@dataclass(frozen=True)
class KernelArtifact:
    """A kernel that is ready to be started, with its modules."""

    arch: Arch
    base: Base
    recipe: Recipe

    @property
    def kind(self) -> str:
        """See Artifact."""
        return f"linux-kernel-{self.arch}"

    def requests(self) -> list[Request]:
        """See Artifact."""
        return [] if self.recipe.kernel else [Request((self.base.kernel_package,), self.arch)]

    def programs(self) -> list[Program]:
        """See Artifact."""
        return []

    def inputs(self) -> dict[str, str]:
        """See Artifact."""
        own = self.recipe.kernel
        return {
            "builder": code("compression", "elf", "kernel", "kernels", "packages"),
            "own": digest_of(own.inputs()) if own else "",
            "packages": hashes(fetched_for(self)),
        }

    def build(self, folder: Path) -> Mapping[str, Any]:
        """See Artifact; the facts are ``release``, ``memory`` (bytes) and ``packages`` (rows of the manifest)."""
        notice(f"making the Linux kernel for {self.arch} ready")
        own, fetched = self.recipe.kernel, fetched_for(self)
        files = own_kernel(own, self.arch) if own else packaged_kernel(fetched, self.arch)
        return {**files.store(folder), "packages": manifest_rows(kernel_packages(fetched), self.arch)}


@dataclass(frozen=True)
class RootArtifact:
    """The initial RAM file system for a kernel."""

    arch: Arch
    base: Base
    recipe: Recipe
    kernel: Entry

    @property
    def kind(self) -> str:
        """See Artifact."""
        return f"linux-root-{self.arch}"

    def requests(self) -> list[Request]:
        """See Artifact."""
        wanted = (*(() if self.recipe.root else self.base.packages), *self.recipe.packages)
        return [Request(wanted, self.arch)] if wanted else []

    def programs(self) -> list[Program]:
        """See Artifact."""
        return [load_program(_PROBE, self.arch)]

    def inputs(self) -> dict[str, str]:
        """See Artifact."""
        return {
            "builder": code("*"),
            "base": digest_of([self.base.folder]),
            "recipe": digest_of(self.recipe.inputs()),
            "kernel": self.kernel.path.name,
            "probe": hashlib.sha256(self._probe()).hexdigest(),
            "packages": hashes(fetched_for(self)),
        }

    def build(self, folder: Path) -> Mapping[str, Any]:
        """See Artifact; the fact is ``packages`` (rows of the manifest, of those that files were taken from)."""
        notice(f"building the root file system of the Linux image for {self.arch}")
        fetched = fetched_for(self)
        files = PackageFiles.of(fetched, lambda path: not is_documentation(path))
        root = self._members(files, fetched)
        own = own_root(self.recipe.root) if self.recipe.root else b""
        (folder / INITRD).write_bytes(own + root.serialise())
        used = files.packages_of(root)
        return {"packages": manifest_rows([package for package in fetched if package.name in used], self.arch)}

    def _members(self, files: PackageFiles, fetched: Sequence[Package]) -> Cpio:
        base, recipe = self.base, self.recipe
        root = Cpio() if recipe.root else base_root(base, files)
        root.file(_PROBE_PLACE, self._probe(), 0o755)
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

    def _probe(self) -> bytes:
        """The probe as a Linux program."""
        (program,) = self.programs()
        return (compile_c(program).path / program.output).read_bytes()


def fetched_for(artifact: Artifact) -> list[Package]:
    """The packages that an artifact is made of, fetched now if the cache has them not."""
    return [package for request in artifact.requests() for package in packages(request)]


def manifest_rows(fetched: Iterable[Package], arch: Arch) -> list[tuple[str, str, str, str]]:
    """The packages as rows of the manifest."""
    return [(f"{package.name} ({arch})", package.version, package.sha256, package.source) for package in fetched]


def hashes(fetched: Iterable[Package]) -> str:
    """One text that identifies these packages."""
    return " ".join(package.sha256 for package in fetched)


def code(*names: str) -> str:
    """What decides how an artifact is built: other code makes another one."""
    return digest_of(file for name in names for file in sorted(Path(__file__).parent.glob(f"{name}.py")))


def digest_of(paths: Iterable[Path]) -> str:
    """One hash of all the files, with their paths and executable bits."""
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
