# SPDX-License-Identifier: Apache-2.0
"""The driver in ``targets/images/driver`` as a module for the kernel of the Linux guest that comes with the harness.

Compiled by the environment's own compiler against the headers that the distribution ships for this very kernel, and
linked as Kbuild does it. Kbuild itself is left out: it would need the distribution's compiler and programs of the
kernel's own (a hundred megabytes) for what is two files to compile and one list to write here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness import shipped
from harness.arch import Arch
from harness.errors import HarnessError
from harness.provision.apt import Package, Request
from harness.provision.cache import Entry
from harness.provision.compiler import Compiler, compiler, load_recipe
from harness.provision.compiler import Recipe as Program
from harness.provision.linux import elf
from harness.provision.linux.artifacts import code, digest_of, fetched_for, hashes, made, manifest_rows
from harness.provision.linux.image import linux_base, linux_kernel
from harness.provision.linux.packages import PackageFiles
from harness.provision.notice import notice

MODULE: Final = "guest_shm.ko"
IMAGE_RECIPE: Final = "guest.toml"
"""In the same folder: the recipe of an image that has the module, for ``modprobe guest_shm region=NAME``."""

_SOURCES: Final = shipped.TARGETS / "images/driver"
_FOLDERS: Final[Mapping[Arch, str]] = {"x86_64": "x86", "aarch64": "arm64"}
_FRAME: Final = "module.c"
_IN_FRAME: Final = "__this_module"
_VERSIONS: Final = "versions.h"
_LAYOUT: Final = "module_layout"
_SCRIPT: Final = "module.lds"
_SYMBOLS: Final = "Module.symvers"
_OF_NO_USE: Final = ("config", "drm", "dt-bindings", "media", "rdma", "scsi", "soc", "sound")
"""Folders of ``include`` that no driver of this kind needs: half of all files."""


def linux_driver(arch: Arch) -> Entry:
    """The cache entry with the module, built now if there is none.

    Raises HarnessError when it cannot be built, or where the distribution's headers are not known (`has_headers`).
    """
    if not has_headers(arch):
        raise HarnessError("it is not known which packages of this distribution hold the kernel's headers")
    return made(DriverPart(arch, str(linux_kernel(arch).facts["release"]), linux_base(arch).headers))


def has_headers(arch: Arch) -> bool:
    """Whether it is known which packages of this distribution hold the kernel's headers."""
    return bool(linux_base(arch).headers)


@dataclass(frozen=True)
class DriverPart:
    """The module for one release of the kernel (`harness.provision.linux.artifacts.Artifact`)."""

    arch: Arch
    release: str
    headers: tuple[str, ...]

    @property
    def kind(self) -> str:
        """See Artifact."""
        return f"linux-driver-{self.arch}"

    def requests(self) -> list[Request]:
        """See Artifact. What the headers depend on is a compiler and its libraries, which have no use here."""
        version = self.release.partition("-")[0]
        names = (name.format(release=self.release, version=version) for name in self.headers)
        return [Request(tuple(names), self.arch, alone=True)]

    def programs(self) -> list[Program]:
        """See Artifact."""
        return []

    def inputs(self) -> dict[str, str]:
        """See Artifact."""
        return {
            "builder": code("driver", "elf", "packages"),
            "compiler": compiler().version,
            "sources": digest_of([_SOURCES]),
            "packages": hashes(self._fetched()),
        }

    def build(self, folder: Path) -> Mapping[str, Any]:
        """See Artifact; the fact is ``packages`` (rows of the manifest)."""
        notice(f"building a driver for the Linux guest for {self.arch}")
        fetched = self._fetched()
        with tempfile.TemporaryDirectory(prefix="headers-", dir=folder) as scratch:
            _unpack(PackageFiles.of(fetched, lambda path: _is_of_use(path, self.arch)), Path(scratch))
            tree = _Tree.of(Path(scratch), self.release, self.arch)
            _build(compiler(), load_recipe(_SOURCES / "recipe.toml", self.arch), tree, folder / MODULE)
        (folder / IMAGE_RECIPE).write_text(f'include = ["{MODULE}"]\n')
        return {"packages": manifest_rows(fetched, self.arch)}

    def _fetched(self) -> list[Package]:
        try:
            return fetched_for(self)
        except HarnessError as error:
            # Packages of a kernel are taken out of the archive when the next one comes.
            error.remedy += (
                f"; if the archive has a newer kernel than {self.release} by now,"
                " remove the folder packages of the cache to fetch that"
            )
            raise


def _is_of_use(path: str, arch: Arch) -> bool:
    """Whether a file of the packages is needed to build a module."""
    match path.split("/"):
        case ["usr", "src", _, "include", folder, *_]:
            return folder not in _OF_NO_USE
        case ["usr", "src", _, "arch", folder, *_]:
            return folder == _FOLDERS[arch]
        case ["usr", "src", _, *_, file]:
            return file in (_SCRIPT, _SYMBOLS)
    return False


def _unpack(files: PackageFiles, root: Path) -> None:
    for path in files:
        target, file = root / path, files[path]
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.link:
            target.symlink_to(file.link)
        else:
            target.write_bytes(file.content)


@dataclass(frozen=True)
class _Tree:
    """Unpacked headers. Folders are relative to ``root``, where the compiler runs: the module does not name them."""

    root: Path
    release: str
    source: Path
    """As they are in the kernel's source."""
    built: Path
    """What building this kernel for this architecture has made."""
    arch: str

    @classmethod
    def of(cls, root: Path, release: str, arch: Arch) -> _Tree:
        """Find them. Raises HarnessError when they are not where they are expected."""
        folders = {path.parent.parent for path in root.glob("usr/src/*/include/linux")}
        built = root / f"usr/src/linux-headers-{release}"
        sources = sorted(folder for folder in folders if folder != built)
        if not (built / _SYMBOLS).is_file() or not sources:
            raise HarnessError(f"the packages of the headers of Linux {release} do not hold what is expected")
        return cls(root, release, sources[0].relative_to(root), built.relative_to(root), _FOLDERS[arch])

    def flags(self) -> Iterator[str]:
        """As Kbuild has them (kernel source, Makefile, LINUXINCLUDE)."""
        arch = f"arch/{self.arch}/include"
        for below in ("", "/uapi"):
            for folder in (
                self.source / f"{arch}{below}",
                self.built / f"{arch}/generated{below}",
                self.source / f"include{below}",
                self.built / f"include{'/generated' if below else ''}{below}",
            ):
                yield from ("-isystem", str(folder))
        for file in ("compiler-version.h", "kconfig.h"):
            yield from ("-include", str(self.source / "include/linux" / file))
        yield from ("-include", str(_SOURCES / "without_objtool.h"))
        yield from ("-include", str(self.source / "include/linux/compiler_types.h"))

    def script(self) -> Path:
        """How the sections of a module are laid out."""
        found = sorted((self.root / self.built).rglob(_SCRIPT))
        if not found:
            raise HarnessError(f"{self.built} has no {_SCRIPT}")
        return found[0].relative_to(self.root)

    def symbols(self) -> dict[str, str]:
        """What the kernel offers to modules, each with its checksum."""
        lines = (self.root / self.built / _SYMBOLS).read_text().splitlines()
        return {name: checksum for checksum, name, *_ in (line.split("\t") for line in lines)}


def _build(tool: Compiler, recipe: Program, tree: _Tree, output: Path) -> None:
    """Compile the driver and the code that every module needs (modpost), and link them."""
    objects = [_compile(tool, recipe, tree, source) for source in recipe.sources]
    used = {name for file in objects for name in elf.undefined_symbols((tree.root / file).read_bytes())}
    (tree.root / _VERSIONS).write_text(versions(sorted(used - {_IN_FRAME}), tree.symbols()))
    objects.append(_compile(tool, recipe, tree, _FRAME))
    link = ["ld.lld", "-r", "-T", str(tree.script()), "-o", str(output), *objects]
    tool.run(link, what=f"linking {output.name}", folder=tree.root)


def _compile(tool: Compiler, recipe: Program, tree: _Tree, source: str) -> str:
    """Returns the name of the object file, which is in the root of the tree."""
    output = f"{Path(source).stem}.o"
    options = ["-target", recipe.target, *recipe.flags, "-I.", *tree.flags()]
    tool.run(
        ["cc", *options, "-c", str(recipe.folder / source), "-o", output],
        what=f"compiling {source} for Linux {tree.release}",
        folder=tree.root,
    )
    return output


def versions(used: Sequence[str], offered: Mapping[str, str]) -> str:
    """Rows of the list that the kernel compares with its own. Raises HarnessError for a symbol it does not have."""
    lacking = [name for name in used if name not in offered]
    if lacking:
        raise HarnessError(f"the kernel offers no {', '.join(lacking)} to modules")
    return "".join(f'{{ {offered[name]}, "{name}" }},\n' for name in (_LAYOUT, *used) if name in offered)
