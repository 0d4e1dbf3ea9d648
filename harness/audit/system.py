# SPDX-License-Identifier: Apache-2.0
"""A system: the configurations of all virtual machines of one host."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.audit.findings import Finding
from harness.audit.passed_over import passed_over
from harness.errors import UsageError
from harness.shmem.config import ConfigError, Position, ShmemVdev, VmConfig, parse_arguments, parse_file, shmems_of

SUFFIXES = frozenset({".qvmconf", ".conf", ".qvm"})
"""Files of a folder that are taken for configurations."""


@dataclass(frozen=True)
class Vm:
    """One virtual machine; ``source`` is the file or the command line that it was read from."""

    name: str
    source: str
    config: VmConfig
    devices: tuple[ShmemVdev, ...]


@dataclass(frozen=True)
class System:
    """All virtual machines of a host, under names of which no two are equal.

    ``passed_over`` has what lies in their folders and may be further ones.
    """

    vms: tuple[Vm, ...]
    passed_over: tuple[Finding, ...] = ()

    @property
    def possible_vms(self) -> list[Finding]:
        """Those of ``passed_over`` that may be VMs: with one of them, nothing is known about all VMs of the host."""
        return [finding for finding in self.passed_over if finding.severity == "error"]

    @property
    def renamed(self) -> dict[str, list[Vm]]:
        """VMs that have one ``system`` name between them; their names here tell them apart."""
        found: dict[str, list[Vm]] = {}
        for vm in self.vms:
            if vm.config.system is not None:
                found.setdefault(vm.config.system, []).append(vm)
        return {name: vms for name, vms in found.items() if len(vms) > 1}


def read_system(paths: Sequence[str], command_lines: Sequence[str] = ()) -> System:
    """Read files, folders and qvm's command lines, each file and each command line one VM.

    Raises ConfigError for what cannot be read or has nothing to read, UsageError when nothing is named.
    """
    read: list[tuple[str, VmConfig]] = []
    for path in _files(paths):
        read.append((path, parse_file(path)))
    for line in command_lines:
        read.append((line, parse_arguments(_words(line))))
    for source, config in read:
        if config == VmConfig():
            # The file of a VM that was cut off or not copied would otherwise be a VM that reaches nothing.
            where = next(iter(config.files), source)
            raise ConfigError("there is no option in it, so nothing is known of this VM", Position(where, 1, 1))
    if not read:
        raise UsageError("no configuration to audit", remedy="name the qvm configurations of all VMs of the host")
    names = [config.system or Path(source).stem for source, config in read]
    counts = Counter(names)
    taken: set[str] = set()
    vms = []
    for name, (source, config) in zip(names, read, strict=True):
        unique = name if counts[name] == 1 else f"{name} ({source})"
        while unique in taken:
            unique += "'"
        taken.add(unique)
        vms.append(Vm(unique, source, config, shmems_of(config)))
    folders = [path for path in paths if Path(path).is_dir()]
    files = [file for vm in vms for file in vm.config.files]
    return System(tuple(vms), tuple(passed_over(folders, files, SUFFIXES)))


def _files(paths: Sequence[str]) -> list[str]:
    """The files, those of a folder by name."""
    files = []
    for path in paths:
        if not Path(path).is_dir():
            files.append(path)
            continue
        found = sorted(str(file) for file in Path(path).iterdir() if file.suffix in SUFFIXES and not file.is_dir())
        if not found:
            raise UsageError(
                f"the folder '{path}' has no qvm configuration", remedy=f"name files, or call them *{min(SUFFIXES)}"
            )
        files += found
    return files


def _words(line: str) -> list[str]:
    """The words of a command line, without the program's name."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(
            f"the command line cannot be split into words: {error}", remedy="close the quotation mark"
        ) from error
    words = words[1:] if words and Path(words[0]).name == "qvm" else words
    if not words:
        raise UsageError("the command line has no words", remedy="give --vm what stands behind 'qvm', such as '@FILE'")
    return words
