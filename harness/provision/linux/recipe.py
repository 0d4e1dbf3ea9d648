# SPDX-License-Identifier: Apache-2.0
"""What a Linux guest image is made of: the file that comes with the harness, and a user's additions to it.

Both are TOML; docs/linux-guest.md explains every key. Paths are relative to the file that names them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness import shipped
from harness.arch import ARCHES, Arch
from harness.errors import UsageError

BASE: Final = shipped.TARGETS / "images/linux/recipe.toml"

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Base:
    """The image that comes with the harness; ``folder`` has its ready-made files below ``root``."""

    folder: Path
    packages: tuple[str, ...]
    kernel_package: str
    headers: tuple[str, ...]
    """Packages of the kernel's headers; empty where it is not known what they hold."""
    programs: tuple[str, ...]
    links: Mapping[str, str]
    modules: tuple[str, ...]
    cmdline: str


@dataclass(frozen=True)
class OwnKernel:
    """A user's kernel, its build options, and its folder ``/lib/modules/RELEASE``, where there are any."""

    file: Path
    config: Path | None = None
    modules: Path | None = None

    def inputs(self) -> list[Path]:
        """Every file and folder of it."""
        return [path for path in (self.file, self.config, self.modules) if path is not None]


@dataclass(frozen=True)
class Recipe:
    """A user's additions; without any of them the image is as it comes."""

    file: Path | None = None
    packages: tuple[str, ...] = ()
    load: tuple[str, ...] = ()
    """Modules to load at the start: names of the kernel's own, or paths of ``.ko`` files."""
    include: tuple[str, ...] = ()
    """Modules to have in the image for ``modprobe``."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Path in the guest: file or folder here."""
    links: Mapping[str, str] = field(default_factory=dict)
    kernel: OwnKernel | None = None
    root: Path | None = None
    """A folder or cpio archive that is the whole root file system, in place of the one that comes with the harness."""
    cmdline: str = ""

    def inputs(self) -> list[Path]:
        """Every file and folder, apart from the kernel's, whose content determines the image."""
        modules = [Path(name) for name in (*self.load, *self.include) if is_file_name(name)]
        return [path for path in (self.file, self.root, *self.files.values(), *modules) if path is not None]


def is_file_name(module: str) -> bool:
    """Whether this names the file of a module (compressed or not), not one of the kernel's own."""
    return ".ko" in Path(module).suffixes


def load_base(arch: Arch, family: str, file: Path = BASE) -> Base:
    """The image of this architecture from packages of this family of distributions. Raises UsageError."""
    reader = _Reader(file, _read(file))
    reader.only("family", "programs", "links", "modules", "cmdline")
    families = reader.table("family")
    if family not in families:
        raise UsageError(f"{file}: no packages are named for {family}; known are {', '.join(families)}")
    own = _Reader(file, families[family])
    own.only("packages", "kernel", "headers")
    cmdline, modules = (_Reader(file, reader.table(key)) for key in ("cmdline", "modules"))
    for part in (cmdline, modules):
        part.only("common", *ARCHES)
    return Base(
        folder=file.parent,
        packages=own.strings("packages"),
        kernel_package=str(own.table("kernel")[arch]),
        headers=own.strings("headers"),
        programs=reader.strings("programs"),
        links=reader.table("links"),
        modules=(*modules.strings("common"), *modules.strings(arch)),
        cmdline=" ".join((*cmdline.strings("common"), *cmdline.strings(arch))),
    )


def load_recipe(file: Path, arch: Arch) -> Recipe:
    """A user's recipe. Keys of the table named by the architecture come on top of the others.

    Raises UsageError that names the key.
    """
    whole = _read(file)
    reader = _Reader(file, {key: value for key, value in whole.items() if key not in ARCHES})
    own = _Reader(file, whole.get(arch, {}))
    keys = ("packages", "load", "include", "files", "links", "kernel", "root", "cmdline")
    for part in (reader, own):
        part.only(*keys)
    files = {**reader.table("files"), **own.table("files")}
    kernel = own.table("kernel") or reader.table("kernel")
    root = own.text("root") or reader.text("root")
    return Recipe(
        file=file,
        packages=(*reader.strings("packages"), *own.strings("packages")),
        load=tuple(map(reader.module, (*reader.strings("load"), *own.strings("load")))),
        include=tuple(map(reader.module, (*reader.strings("include"), *own.strings("include")))),
        files={destination: reader.existing(str(source)) for destination, source in files.items()},
        links={**reader.table("links"), **own.table("links")},
        kernel=_own_kernel(file, kernel) if kernel else None,
        root=reader.existing(root) if root else None,
        cmdline=" ".join(filter(None, (reader.text("cmdline"), own.text("cmdline")))),
    )


def _own_kernel(file: Path, table: Table) -> OwnKernel:
    reader = _Reader(file, table)
    reader.only("file", "config", "modules")
    if not reader.text("file"):
        raise UsageError(f"{file}: [kernel] names no file")
    config, modules = reader.text("config"), reader.text("modules")
    return OwnKernel(
        reader.existing(reader.text("file")),
        reader.existing(config) if config else None,
        reader.existing(modules) if modules else None,
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", remedy="name a recipe that exists") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {error}") from error


class _Reader:
    """Takes keys out of a table of a file, checking their kinds."""

    def __init__(self, file: Path, table: Any) -> None:
        if not isinstance(table, dict):
            raise UsageError(f"{file}: {table!r} stands where a table is expected")
        self._file = file
        self._table: Table = table

    def only(self, *keys: str) -> None:
        """Refuse every other key."""
        for key in self._table:
            if key not in keys:
                raise UsageError(f"{self._file}: unknown key {key!r}; known are {', '.join(keys)}")

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings, empty when the key is missing."""
        value = self._table.get(key, [])
        if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(one, str) for one in value):
            raise UsageError(f"{self._file}: {key} is {value!r}, expected is a list of strings")
        return tuple(value)

    def table(self, key: str) -> Table:
        """A table, empty when the key is missing."""
        return _Reader(self._file, self._table.get(key, {}))._table

    def text(self, key: str) -> str:
        """A string, empty when the key is missing."""
        value = self._table.get(key, "")
        if not isinstance(value, str):
            raise UsageError(f"{self._file}: {key} is {value!r}, expected is a string")
        return value

    def existing(self, name: str) -> Path:
        """A file or folder named in the file."""
        path = self._file.parent / name
        if not path.exists():
            raise UsageError(f"{self._file}: {name} does not exist ({path})")
        return path

    def module(self, name: str) -> str:
        """A module's name as it is, or the path of its file."""
        return str(self.existing(name)) if is_file_name(name) else name
