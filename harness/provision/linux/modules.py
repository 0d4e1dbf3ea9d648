# SPDX-License-Identifier: Apache-2.0
"""Kernel modules of a distribution's kernel package: which a module needs, and in what order they are loaded.

A package that was only unpacked has no ``modules.dep`` (depmod(8) makes it at installation). Every module names what it
needs itself, in its section ``.modinfo`` (kernel source, include/linux/module.h, MODULE_INFO), and the package lists
what is built into the kernel (``modules.builtin``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from harness.errors import HarnessError
from harness.provision.linux import elf
from harness.provision.linux.compression import DamagedError, decompressed


@dataclass(frozen=True)
class Module:
    """One kernel module, decompressed."""

    path: str
    """Its path below ``/lib/modules/RELEASE``, ending in ``.ko``."""
    content: bytes = field(repr=False)
    information: Mapping[str, str]
    """The fields of ``.modinfo``; of a field that occurs several times, the last."""

    @property
    def name(self) -> str:
        """The name by which the kernel knows it."""
        return module_name(self.path)

    @property
    def needs(self) -> list[str]:
        """The modules that it says it needs, by name."""
        return [module_name(name) for name in self.information.get("depends", "").split(",") if name]


class ModuleTree:
    """The modules that a kernel package has; each is decompressed when it is asked for."""

    def __init__(self, files: Mapping[str, bytes], builtin: Iterable[str] = (), opened: Iterable[Module] = ()) -> None:
        """``files``: content by path below ``/lib/modules/RELEASE``, compressed or not; ``builtin``: paths or names."""
        self._files = {module_name(path): (path, content) for path, content in files.items()}
        self._builtin = {module_name(path) for path in builtin}
        self._opened = {module.name: module for module in opened}

    def with_files(self, modules: Iterable[Module]) -> ModuleTree:
        """This tree with further modules, which hide those of the same name."""
        more = {module.name: module for module in modules}
        files = {path: content for name, (path, content) in self._files.items() if name not in more}
        return ModuleTree(files, self._builtin, {**self._opened, **more}.values())

    def module(self, name: str) -> Module:
        """One module. Raises HarnessError when the kernel has it neither as a module nor built in."""
        wanted = module_name(name)
        if wanted not in self._opened:
            if not self._has(wanted):
                raise HarnessError(
                    f"this kernel has no module {name!r}",
                    remedy="name one of its own modules, or name the file of a module (NAME.ko)",
                )
            path, content = self._files[wanted]
            self._opened[wanted] = read_module(path, content)
        return self._opened[wanted]

    def is_builtin(self, name: str) -> bool:
        """Whether the kernel has it without loading anything."""
        return module_name(name) in self._builtin

    def closure(self, names: Sequence[str]) -> list[Module]:
        """These modules and all that they need, each once, in an order in which they can be loaded.

        What is built in is left out. Raises HarnessError for a module that the kernel does not have, naming who needs
        it, and for a circle.
        """
        ordered: dict[str, Module] = {}
        for name in names:
            self._visit(name, (), ordered)
        return list(ordered.values())

    def _has(self, name: str) -> bool:
        return name in self._opened or name in self._files

    def _visit(self, name: str, users: tuple[str, ...], ordered: dict[str, Module]) -> None:
        name = module_name(name)
        if name in ordered or (self.is_builtin(name) and name not in self._opened):
            return
        if name in users:
            raise HarnessError(f"modules depend on each other in a cycle: {' needs '.join((*users, name))}")
        if users and not self._has(name):
            raise HarnessError(f"module {users[-1]!r} needs {name!r}, which this kernel does not have")
        module = self.module(name)
        for needed in module.needs:
            self._visit(needed, (*users, name), ordered)
        ordered[name] = module


def module_name(path: str) -> str:
    """A module's name from its file's name: the kernel takes ``-`` and ``_`` for the same."""
    return PurePosixPath(path).name.split(".ko")[0].replace("-", "_")


def read_module(path: str, content: bytes) -> Module:
    """A module from its file, which may be compressed. Raises HarnessError when it is none."""
    try:
        plain = decompressed(content) or content
    except DamagedError as error:
        raise HarnessError(f"{path} is damaged: {error}") from error
    return Module(path.split(".ko")[0] + ".ko", plain, _information(path, plain))


def _information(path: str, content: bytes) -> dict[str, str]:
    try:
        section = elf.section(content, ".modinfo")
    except elf.ElfError as error:
        raise HarnessError(f"{path} is no kernel module: {error}") from error
    fields = (item.partition(b"=") for item in section.split(b"\0") if item)
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, _, value in fields}
