# SPDX-License-Identifier: Apache-2.0
"""The options of ``vdev shmem`` with their arguments taken apart (User's Guide 7.0, 7.1 and 8.0, "vdev shmem")."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, Self, TypeVar

from harness.shmem.config.errors import NOWHERE, ConfigError, Position
from harness.shmem.config.model import Option, Vdev, VmConfig
from harness.shmem.config.numbers import number, permissions, two_readings
from harness.shmem.config.references import Intr, Location, is_space, parse_intr, parse_location
from harness.shmem.config.variables import is_open, references
from harness.shmem.config.words import show

SHMEM: Final = "shmem"

RuleKind = Literal["allow", "deny"]


@dataclass(frozen=True)
class Rule:
    """One entry of the restrictions list."""

    kind: RuleKind
    pattern: str
    position: Position = field(default=NOWHERE, compare=False)

    def option(self) -> Option:
        """The rule as an option of the vdev."""
        return Option(self.kind, self.pattern, self.position)


@dataclass(frozen=True)
class Subst:
    """``subst [ORIGINAL],PREFIX``; an empty ``original`` puts the prefix in front of every name."""

    original: str
    prefix: str
    position: Position = field(default=NOWHERE, compare=False)

    def option(self) -> Option:
        """The substitution as an option of the vdev."""
        return Option("subst", f"{self.original},{self.prefix}", self.position)


@dataclass(frozen=True)
class Create:
    """``create NAME,SIZE[,MODE[,GID]]``: ``name`` as the guest sees it, size in bytes, mode as permission bits."""

    name: str
    size_bytes: int
    mode: int | None = None
    gid: str | None = None
    position: Position = field(default=NOWHERE, compare=False)

    def option(self) -> Option:
        """The creation as an option of the vdev."""
        fields = [self.name, hex(self.size_bytes)]
        if self.mode is not None or self.gid is not None:
            fields.append("" if self.mode is None else f"0{self.mode:o}")
        if self.gid is not None:
            fields.append(self.gid)
        return Option("create", ",".join(fields), self.position)


@dataclass(frozen=True)
class Umask:
    """Bits removed from what the guest asks for, and from the default mode of later ``create`` options (8.0)."""

    bits: int
    position: Position = field(default=NOWHERE, compare=False)

    def option(self) -> Option:
        """The mask as an option of the vdev."""
        return Option("umask", f"0{self.bits:o}", self.position)


@dataclass(frozen=True)
class Gid:
    """Group, by name or number, of the regions that this vdev makes, and default of later ``create`` options (8.0)."""

    group: str
    position: Position = field(default=NOWHERE, compare=False)

    def option(self) -> Option:
        """The group as an option of the vdev."""
        return Option("gid", self.group, self.position)


ShmemOption = Rule | Subst | Create | Umask | Gid | Option
"""``allow``, ``deny``, ``subst``, ``create``, ``umask``, ``gid`` taken apart; the remaining options as they are."""

_Kind = TypeVar("_Kind", Rule, Subst, Create, Umask, Gid)


def _argument(option: Option) -> str:
    if option.argument is None:
        raise ConfigError(f"'{option.name}' needs an argument", option.position)
    return option.argument


def _subst(option: Option) -> Subst:
    argument = _argument(option)
    original, comma, prefix = argument.partition(",")
    if not comma:
        raise ConfigError(
            "'subst' needs a comma",
            option.argument_position,
            found=show(argument),
            expected="[ORIGINAL],PREFIX, such as foo,guest0 or ,guest0",
        )
    return Subst(original, prefix, option.position)


def _create(option: Option) -> Create | Option:
    argument, where = _argument(option), option.argument_position
    name, *rest = argument.split(",")
    if references(argument) or (rest and two_readings(rest[0])):
        return option
    if not 1 <= len(rest) <= 3:
        raise ConfigError(
            "'create' has the wrong number of fields",
            where,
            found=show(argument),
            expected="NAME,SIZE[,MODE[,GID]], SIZE in bytes",
        )
    size = number(rest[0], where, "size of 'create'")
    mode = permissions(rest[1], where, "mode of 'create'") if len(rest) > 1 and rest[1] else None
    return Create(name, size, mode, rest[2] if len(rest) > 2 else None, option.position)


def _typed(option: Option) -> ShmemOption:
    """The option taken apart; as it is when the harness does not know the option, or nothing knows its value."""
    if not option.understood:
        return option
    match option.name:
        case "allow" | "deny" as kind:
            return Rule(kind, _argument(option), option.position)
        case "subst":
            return _subst(option)
        case "create":
            return _create(option)
        case "umask" if references(_argument(option)):
            return option
        case "umask":
            return Umask(permissions(_argument(option), option.argument_position, "'umask'"), option.position)
        case "gid":
            return Gid(_argument(option), option.position)
        case _:
            return option


def _number_of(option: Option) -> int | None:
    if is_open(_argument(option)):
        return None
    return number(_argument(option), option.argument_position, f"argument of '{option.name}'")


@dataclass(frozen=True)
class ShmemVdev:
    """A ``vdev shmem``: its options in file order, and views of them."""

    options: tuple[ShmemOption, ...] = ()
    position: Position = field(default=NOWHERE, compare=False)
    library: str = ""
    """How the text calls the device, where that is not plainly ``shmem``."""

    @classmethod
    def of(cls, vdev: Vdev) -> Self:
        """The typed view of ``vdev``. Raises ConfigError for a malformed argument, ValueError for another vdev."""
        if vdev.kind != SHMEM:
            raise ValueError(f"not a vdev shmem: {vdev.kind}")
        view = cls(tuple(_typed(option) for option in vdev.options), vdev.position, vdev.library)
        # Reading them once reports a malformed argument here and not at the first use.
        _ = view.location, view.intr, view.sched
        return view

    def vdev(self) -> Vdev:
        """The device as an entry of a configuration."""
        options = tuple(entry if isinstance(entry, Option) else entry.option() for entry in self.options)
        return Vdev(SHMEM, options, self.position, self.library)

    def _only(self, kind: type[_Kind]) -> tuple[_Kind, ...]:
        return tuple(option for option in self.options if isinstance(option, kind))

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """``allow`` and ``deny`` in file order."""
        return self._only(Rule)

    @cached_property
    def substs(self) -> tuple[Subst, ...]:
        """``subst`` in file order."""
        return self._only(Subst)

    @cached_property
    def creates(self) -> tuple[Create, ...]:
        """``create`` in file order."""
        return self._only(Create)

    def _last(self, name: str) -> Option | None:
        """The last option of that name that the harness understands."""
        return next(
            (
                entry
                for entry in reversed(self.options)
                if isinstance(entry, Option) and entry.name == name and entry.understood
            ),
            None,
        )

    @property
    def name(self) -> str | None:
        """Name of the instance."""
        option = self._last("name")
        return None if option is None else _argument(option)

    @property
    def open_placement(self) -> bool:
        """Whether ``loc`` or ``intr`` says something that nothing here can know, such as a variable without a value."""
        loc, intr = self._last("loc"), self._last("intr")
        return (loc is not None and _is_open_location(loc.text)) or (intr is not None and is_open(intr.text))

    @property
    def location(self) -> Location | None:
        """Where ``loc`` puts the device; None when it says nothing, so that qvm makes a PCI device."""
        option = self._last("loc")
        if option is None or option.argument is None or _is_open_location(option.text):
            return None
        location = parse_location(option.text, option.argument_position)
        if location.space == "io":
            raise ConfigError(
                "'vdev shmem' has no I/O ports",
                option.argument_position,
                found=show(option.text),
                expected="a memory address",
            )
        return location

    @property
    def loc(self) -> int | None:
        """Guest-physical address of the factory page; None for a PCI device."""
        location = self.location
        return None if location is None else location.address

    @property
    def intr(self) -> Intr | None:
        """The guest interrupt."""
        option = self._last("intr")
        if option is None or is_open(option.text):
            return None
        return parse_intr(_argument(option), option.argument_position)

    @property
    def sched(self) -> int | None:
        """Priority of the pulses that notify qvm of input."""
        option = self._last("sched")
        return None if option is None else _number_of(option)


def _is_open_location(text: str) -> bool:
    """Whether a ``loc`` has a form, or holds a value, that nothing here knows."""
    space, colon, _ = text.partition(":")
    return is_open(text) or bool(colon and not is_space(space))


def shmems_of(config: VmConfig) -> tuple[ShmemVdev, ...]:
    """The ``vdev shmem`` entries in file order. Raises ConfigError for a malformed argument."""
    return tuple(ShmemVdev.of(vdev) for vdev in config.vdevs if vdev.kind == SHMEM)
