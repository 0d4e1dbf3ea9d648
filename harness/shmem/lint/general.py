# SPDX-License-Identifier: Apache-2.0
"""Remarks on a configuration as a whole and on options that are written in a misleading way."""

from __future__ import annotations

from collections.abc import Iterator

from harness.shmem.config import Position, Vdev, VmConfig
from harness.shmem.config.words import show
from harness.shmem.lint.findings import Warning_

_SINGLE = frozenset({"loc", "intr", "name", "sched"})


def check_general(config: VmConfig) -> Iterator[Warning_]:
    """Remarks on anything but the meaning of ``vdev shmem``."""
    yield from _system(config)
    for vdev in config.vdevs:
        yield from _repeated(vdev)
        if vdev.kind == "shmem":
            yield from _octal(vdev)


def _system(config: VmConfig) -> Iterator[Warning_]:
    first = min(_positions(config), key=lambda position: (position.line, position.column), default=None)
    if first is None:
        return
    if config.system is None:
        yield Warning_("warning", first, "the VM has no name: there is no 'system'", "no-system")
    elif first.file == config.system_position.file and first != config.system_position:
        yield Warning_("warning", config.system_position, "'system' is not the first option", "system-not-first")


def _positions(config: VmConfig) -> Iterator[Position]:
    """Where the entries of the first file or of the command line stand."""
    positions = [
        *(item.position for item in config.rams),
        *(item.position for item in config.loads),
        *(item.position for item in config.roms),
        *(item.position for item in config.others),
        *(item.position for item in (*config.cpus, *config.vdevs, *config.contexts)),
        *([config.system_position] if config.system is not None else []),
        *([config.cmdline_position] if config.cmdline is not None else []),
    ]
    main = config.system_position.file or min((position.file for position in positions), default="")
    return (position for position in positions if position.file == main)


def _repeated(vdev: Vdev) -> Iterator[Warning_]:
    seen = set()
    for option in vdev.options:
        if option.name in _SINGLE and option.name in seen:
            text = (
                f"'{option.name}' is given again; the last one is used here, and the manual does not say which counts"
            )
            yield Warning_("warning", option.position, text, "repeated-option")
        seen.add(option.name)


def _octal(vdev: Vdev) -> Iterator[Warning_]:
    """Permissions without a leading zero: read as octal here, though other readers may take them for decimal."""
    for option in vdev.options:
        fields = (option.argument or "").split(",")
        digits = fields[2] if option.name == "create" and len(fields) > 2 else None
        digits = option.argument if option.name == "umask" else digits
        if digits and not digits.startswith("0"):
            text = f"{show(digits)} is taken for octal; write {show('0' + digits)}"
            yield Warning_("warning", option.position, text, "octal-mode")
