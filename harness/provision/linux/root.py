# SPDX-License-Identifier: Apache-2.0
"""Puts the root file system of a Linux guest together: programs, modules, ready-made files, a user's additions."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.arch import Arch
from harness.errors import HarnessError, UsageError
from harness.provision.linux import elf
from harness.provision.linux.compression import DamagedError, decompressed
from harness.provision.linux.cpio import Cpio
from harness.provision.linux.modules import Module, ModuleTree, read_module
from harness.provision.linux.packages import PackageFiles
from harness.provision.linux.recipe import Base, Recipe, is_file_name

_FOLDERS: Final = {"dev": 0o755, "proc": 0o555, "run": 0o755, "sys": 0o555, "tmp": 0o1777, "root": 0o700}
_LIBRARIES: Final = "/usr/lib/modules"
_DOCUMENTATION: Final = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian")
_CPIO_MAGIC: Final = b"070701"
_CONSOLE: Final = (5, 1)


@dataclass(frozen=True)
class Kernel:
    """What the root file system has to know of its kernel."""

    release: str
    modules: ModuleTree


def is_documentation(path: str) -> bool:
    """Whether a guest has no use for this file of a package."""
    return path.startswith(_DOCUMENTATION)


def base_root(base: Base, files: PackageFiles) -> Cpio:
    """The file system that comes with the harness, without modules."""
    root = Cpio()
    for name, mode in _FOLDERS.items():
        root.directory(name, mode)
    root.character_device("dev/console", 0o600, *_CONSOLE)
    for destination, target in base.links.items():
        root.link(destination, target)
    add_programs(root, base.programs, files)
    add_tree(root, base.folder / "root", "")
    return root


def add_programs(root: Cpio, programs: Iterable[str], files: PackageFiles) -> None:
    """Add programs from packages with everything that they need to run."""
    for path in files.closure(programs):
        file = files.resolved(path)
        root.file(path, file.content, file.mode & 0o777)


def add_packages(root: Cpio, own: PackageFiles, all_files: PackageFiles) -> None:
    """Add every file of some packages but documentation, and the libraries that their programs need."""
    for path in own:
        file = own[path]
        if is_documentation(path):
            continue
        if file.link:
            root.link(path, file.link)
        else:
            root.file(path, file.content, file.mode & 0o777)
            if file.content.startswith(elf.MAGIC):
                add_programs(root, (needed for needed in all_files.closure([path]) if needed not in root), all_files)


def add_modules(root: Cpio, kernel: Kernel, load: Sequence[str], include: Sequence[str], arch: Arch) -> None:
    """Add modules and what they need, in a place and with the lists that ``insmod`` and ``modprobe`` work with.

    Raises HarnessError for a module of another kernel or architecture.
    """
    tree = kernel.modules.with_files(
        [_own_module(Path(name), kernel, arch) for name in (*load, *include) if is_file_name(name)]
    )
    loaded = tree.closure(load)
    present = {module.path: module for module in (*loaded, *tree.closure(include))}
    folder = f"{_LIBRARIES}/{kernel.release}"
    for module in present.values():
        root.file(f"{folder}/{module.path}", module.content)
    dependencies = "".join(_dependency_line(module, tree) for _, module in sorted(present.items()))
    root.file(f"{folder}/modules.dep", dependencies.encode())
    root.file("/etc/modules.load", "".join(f"{folder}/{module.path}\n" for module in loaded).encode())


def add_tree(root: Cpio, source: Path, destination: str) -> None:
    """Add a file, or all files of a folder, with their executable bits and links. Raises HarnessError for others."""
    for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
        name = f"{destination}/{path.relative_to(source)}" if path != source else destination
        if path.is_symlink():
            root.link(name, str(path.readlink()))
        elif path.is_dir():
            root.directory(name)
        elif path.is_file():
            executable = path.stat().st_mode & stat.S_IXUSR
            root.file(name, path.read_bytes(), 0o755 if executable else 0o644)
        else:
            raise HarnessError(f"{path} is neither a file, a folder nor a link: an image cannot hold it")


def own_root(source: Path) -> bytes:
    """A user's whole root file system: a cpio archive (compressed or not) as it is, or a folder packed."""
    if source.is_dir():
        root = Cpio()
        root.character_device("dev/console", 0o600, *_CONSOLE)
        add_tree(root, source, "")
        return root.serialise()
    content = source.read_bytes()
    try:
        plain = decompressed(content) or content
    except DamagedError as error:
        raise UsageError(f"{source} is damaged: {error}") from error
    if not plain.startswith(_CPIO_MAGIC):
        raise UsageError(
            f"{source} is no root file system", remedy="provide a folder, or an archive made with 'cpio --format=newc'"
        )
    return plain + bytes(-len(plain) % 4)


def add_recipe(root: Cpio, recipe: Recipe) -> None:
    """Add the files and links that a user's recipe names."""
    for destination, source in recipe.files.items():
        add_tree(root, source, destination)
    for destination, target in recipe.links.items():
        root.link(destination, target)


def _own_module(path: Path, kernel: Kernel, arch: Arch) -> Module:
    """A user's module, checked against the kernel that is to load it (kernel source, ``vermagic``)."""
    module = read_module(f"extra/{path.name}", path.read_bytes())
    built_for = module.information.get("vermagic", "?").split(" ")[0]
    if built_for != kernel.release:
        raise HarnessError(
            f"{path} was built for Linux {built_for}; the image has {kernel.release}",
            remedy="build it against the headers of that kernel (docs/own-driver.md)",
        )
    if elf.machine(module.content) != arch:
        raise HarnessError(f"{path} is a module for {elf.machine(module.content)}; the image is for {arch}")
    return module


def _dependency_line(module: Module, tree: ModuleTree) -> str:
    """One line of modules.dep: the module, then what it needs, the nearest first (depmod(8))."""
    needed = [other.path for other in reversed(tree.closure([module.name])) if other.path != module.path]
    return f"{module.path}:{''.join(f' {path}' for path in needed)}\n"
