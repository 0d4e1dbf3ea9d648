# SPDX-License-Identifier: Apache-2.0
"""Which options exist, where they may stand and what follows them: the configuration language as data.

Sources: User's Guide, "VM configuration syntax", "VM Configuration Reference", "Common vdev options" and the pages of
the individual vdevs (7.0 to 8.0); ``debug`` and several options of ``cpu`` and ``pass`` from public configurations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final


class Takes(Enum):
    """What follows an option word."""

    NOTHING = 0
    ONE = 1
    TWO = 2
    MAYBE_LOCATION = -1
    """A location, or nothing: 8.0 writes ``loc [ADDR]`` for ``vdev shmem``."""


Options = Mapping[str, Takes]

CONTEXT_WORDS: Final = frozenset({"vdev", "cpu", "pass", "reserve"})
"""Words that open a context; it stays open until the next one."""
MEMORY_WORDS: Final = frozenset({"ram", "rom"})
LOAD_WORD: Final = "load"
LOAD_KINDS: Final = ("guest", "initrd", "data", "fdt", "acpi")
"""Words before ``load`` or ``pass`` that say what the data is."""

FREE_STANDING: Final[Options] = {
    "debug": Takes.NOTHING,
    "dryrun": Takes.NOTHING,
    "dump": Takes.ONE,
    "logger": Takes.TWO,
    "safety": Takes.ONE,
    "set": Takes.TWO,
    "unsupported": Takes.TWO,
}
"""Options of the VM itself that have no structure of their own in the model."""

TOP_LEVEL_WORDS: Final = frozenset(
    {"system", "cmdline", LOAD_WORD, *LOAD_KINDS, *MEMORY_WORDS, *CONTEXT_WORDS, *FREE_STANDING}
)

# 'set' is also an option of the VM; where a context is open it stays there, because some variables are the context's.
CPU_OPTIONS: Final[Options] = {
    "cluster": Takes.ONE,
    "partition": Takes.ONE,
    "runmask": Takes.ONE,
    "sched": Takes.ONE,
    "set": Takes.TWO,
}
PASS_OPTIONS: Final[Options] = {
    "intr": Takes.ONE,
    "loc": Takes.ONE,
    "name": Takes.ONE,
    "sched": Takes.ONE,
    "set": Takes.TWO,
}
RESERVE_OPTIONS: Final[Options] = {"intr": Takes.ONE, "loc": Takes.ONE}

COMMON_VDEV_OPTIONS: Final[Options] = {
    "hostdev": Takes.ONE,
    "intr": Takes.ONE,
    "loc": Takes.ONE,
    "log": Takes.TWO,
    "name": Takes.ONE,
    "set": Takes.TWO,
}

_CONTROLLER: Final[Options] = {**COMMON_VDEV_OPTIONS, "hostvector": Takes.ONE}
_UART: Final[Options] = {**COMMON_VDEV_OPTIONS, "batch": Takes.ONE, "delayed": Takes.ONE, "sched": Takes.ONE}
_VIRTIO: Final[Options] = {**COMMON_VDEV_OPTIONS, "legacy": Takes.NOTHING, "sched": Takes.ONE}

VDEVS: Final[Mapping[str, Options]] = {
    "8259": _CONTROLLER,
    "gic": {**_CONTROLLER, "version": Takes.ONE},
    "hpet": {**COMMON_VDEV_OPTIONS, "frequency": Takes.ONE, "intrmap": Takes.ONE},
    "ioapic": _CONTROLLER,
    "mc146818": {**COMMON_VDEV_OPTIONS, "reg": Takes.ONE},
    "pckeyboard": COMMON_VDEV_OPTIONS,
    "pl011": _UART,
    "ser8250": _UART,
    "shmem": {
        **COMMON_VDEV_OPTIONS,
        "allow": Takes.ONE,
        "create": Takes.ONE,
        "deny": Takes.ONE,
        "gid": Takes.ONE,
        "loc": Takes.MAYBE_LOCATION,
        "sched": Takes.ONE,
        "subst": Takes.ONE,
        "umask": Takes.ONE,
    },
    "timer8254": COMMON_VDEV_OPTIONS,
    "virtio-blk": {**_VIRTIO, "delayed": Takes.ONE, "dio": Takes.ONE, "threads": Takes.ONE},
    "virtio-console": {**_VIRTIO, **_UART},
    "virtio-net": {
        **_VIRTIO,
        "bind-mode": Takes.ONE,
        "mac": Takes.ONE,
        "peer": Takes.ONE,
        "peerfeats": Takes.ONE,
        "tapdev": Takes.ONE,
    },
}
"""Known vdevs. Another kind may exist on the host, so it is accepted; its options are then delimited by their lines."""

_LIBRARY: Final = re.compile(r"(?:.*/)?(?:vdev-)?(?P<kind>[^/]+?)(?P<safety>-safety)?(?:\.so(?:\.\d+)*)?", re.DOTALL)


def vdev_kind(text: str) -> str:
    """The kind that ``vdev TEXT`` asks for.

    A known one may also be called by its library, with or without a path, and in its safety variant: options of both
    mean the same ("Virtual Device Reference" of the safety edition).
    """
    match = _LIBRARY.fullmatch(text)
    return match["kind"] if match is not None and match["kind"] in VDEVS else text


def vdev_word(text: str) -> str:
    """What of ``vdev TEXT`` would be the kind, known or not."""
    match = _LIBRARY.fullmatch(text)
    return match["kind"] if match is not None else text


UNKNOWN_OPTIONS: Final[Options] = {**COMMON_VDEV_OPTIONS, "sched": Takes.ONE}
"""Options that a vdev or a context of an unknown kind is taken to have."""

STRUCTURE: Final = frozenset({"system", "cmdline", LOAD_WORD, *MEMORY_WORDS, *CONTEXT_WORDS})
"""Words that are the VM's wherever an option may stand."""

FREE_STANDING_VALUES: Final[Mapping[str, frozenset[str]]] = {"safety": frozenset({"none", "warn", "required"})}
"""The first argument of the options of the VM that take one of a few words."""

SHARED_LINES: Final = frozenset({"hpet", "timer8254"})
"""Vdevs that may have a line in common: the vendor's Linux example routes both timers to line 0, as PCs do."""
LINES_OF: Final[Mapping[str, range]] = {"gic": range(16, 1020)}
"""Lines that a device can have. A GIC's first 16 are between processors; from 1020 on they have other meanings."""

CONTROLLER_KINDS: Final = frozenset({"8259", "gic", "ioapic"})
IMPLICIT_CONTROLLERS: Final = frozenset({"gic", "apic"})
"""Controllers that a configuration may refer to without declaring them (ARM; x86, without a line)."""

WORDS: Final = frozenset(
    {
        *TOP_LEVEL_WORDS,
        *CPU_OPTIONS,
        *PASS_OPTIONS,
        *RESERVE_OPTIONS,
        *UNKNOWN_OPTIONS,
        *(option for options in VDEVS.values() for option in options),
    }
)
"""Every word that is an option somewhere."""
