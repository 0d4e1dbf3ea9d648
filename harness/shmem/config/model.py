# SPDX-License-Identifier: Apache-2.0
"""A VM's configuration as data. Everything is immutable and compares by meaning: positions are left out.

The order inside each tuple is the order of the text. The order *between* kinds of entries is not kept, because the
language gives it no meaning beyond "``system`` first, memory before what refers to it" (User's Guide, "VM
configuration syntax"); the one exception, a ``ram`` whose place depends on a ``rom`` before it, is kept in
:class:`Rom`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from harness.shmem.config.errors import NOWHERE, Position, Remark

NOT_UNDERSTOOD: Final = "not-understood"


@dataclass(frozen=True, slots=True)
class Option:
    """An option and what follows it; ``extra`` holds the second argument of the few options that take two.

    An option that is not ``understood`` is kept as its line has it: all words behind the first are arguments.
    """

    name: str
    argument: str | None = None
    position: Position = field(default=NOWHERE, compare=False)
    argument_position: Position = field(default=NOWHERE, compare=False)
    extra: tuple[str, ...] = ()
    understood: bool = True

    @property
    def words(self) -> tuple[str, ...]:
        """Everything after the option word."""
        return (() if self.argument is None else (self.argument,)) + self.extra

    @property
    def text(self) -> str:
        """The argument; ``loc io ADDR`` says the same as ``loc io:ADDR``."""
        return ":".join(self.words) if self.name == "loc" else self.argument or ""


class _Options:
    """Access to the options of a context by name."""

    __slots__ = ()
    options: tuple[Option, ...]
    position: Position

    def option(self, name: str) -> Option | None:
        """The last option of that name, or None."""
        return next((option for option in reversed(self.options) if option.name == name), None)

    def argument(self, name: str) -> str | None:
        """The argument of the last option of that name, or None."""
        option = self.option(name)
        return None if option is None else option.argument


@dataclass(frozen=True)
class Ram:
    """Guest memory in bytes; without an address it lies right after the highest RAM or ROM so far."""

    address: int | None
    length: int
    position: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Rom:
    """Read-only guest memory in bytes; ``rams_before`` of the VM's ``ram`` entries precede it."""

    address: int | None
    length: int
    rams_before: int = 0
    position: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Cpu(_Options):
    """One virtual CPU."""

    options: tuple[Option, ...] = ()
    position: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Load:
    """A file that is copied into the guest's memory. ``kind`` is the word before ``load``, or empty."""

    kind: str
    address: int | None
    file: str
    position: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Vdev(_Options):
    """A virtual device and its options in file order.

    ``library`` is how the text calls it where that is not the kind alone: ``vdev-shmem-safety.so``, or a path.
    """

    kind: str
    options: tuple[Option, ...] = ()
    position: Position = field(default=NOWHERE, compare=False)
    library: str = ""

    @property
    def name(self) -> str | None:
        """What the ``name`` option says."""
        return self.argument("name")


@dataclass(frozen=True)
class Context(_Options):
    """A ``pass`` or ``reserve`` entry and its options in file order; ``data`` is the word before it, as of ``load``.

    A context that is not ``understood`` is of a kind that the harness does not know; ``arguments`` stand in its line.
    """

    kind: str
    options: tuple[Option, ...] = ()
    data: str = ""
    position: Position = field(default=NOWHERE, compare=False)
    arguments: tuple[str, ...] = ()
    understood: bool = True


@dataclass(frozen=True)
class VmConfig:
    """The whole configuration of one qvm process. ``others`` are the free-standing options (``logger``, ``set``, ...).

    ``remarks`` are about the text that it was read from; ``unclear`` has the first use of each variable which has
    several values, where it decides about a ``vdev shmem`` or may do so. ``files`` are those that it was read from.
    """

    system: str | None = None
    system_position: Position = field(default=NOWHERE, compare=False)
    rams: tuple[Ram, ...] = ()
    cpus: tuple[Cpu, ...] = ()
    loads: tuple[Load, ...] = ()
    cmdline: str | None = None
    vdevs: tuple[Vdev, ...] = ()
    others: tuple[Option, ...] = ()
    contexts: tuple[Context, ...] = ()
    roms: tuple[Rom, ...] = ()
    cmdline_position: Position = field(default=NOWHERE, compare=False)
    remarks: tuple[Remark, ...] = field(default=(), compare=False)
    unclear: tuple[tuple[str, Position], ...] = field(default=(), compare=False)
    files: tuple[str, ...] = field(default=(), compare=False)

    @property
    def not_understood(self) -> tuple[Remark, ...]:
        """What of the text the harness does not know, in its order."""
        return tuple(remark for remark in self.remarks if remark.code == NOT_UNDERSTOOD)
