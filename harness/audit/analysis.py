# SPDX-License-Identifier: Apache-2.0
"""A system under one profile: the regions it names, and where its virtual machines can meet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Final

from harness.audit.names.atoms import Atoms, atoms
from harness.audit.names.describe import Description, describe
from harness.audit.names.dfa import NOTHING, Dfa, Entangled, beginning_with, common, either
from harness.audit.names.reach import STATES, Creation, Legality, Reach, legality, reach
from harness.audit.system import System, Vm
from harness.shmem.config import ConfigError, Create, Option, Position, Rule, ShmemVdev, Subst, validate
from harness.shmem.config.reading.remarks import typing_hint
from harness.shmem.config.validate import list_problems
from harness.shmem.config.variables import references
from harness.shmem.profile import Profile

_RULES: Final = ("allow", "deny", "subst")
_MAY_BE_SHMEM: Final = re.compile(r"(?<![a-z])shmem", re.IGNORECASE)
"""In the name of a device: another build of its library. ``ivshmem`` is another device."""
_ABOUT_NAMES: Final = (*_RULES, "create")


@dataclass(frozen=True)
class Device:
    """One ``vdev shmem`` of a system, counted from 0 in its VM."""

    vm: Vm
    number: int
    reach: Reach

    @property
    def label(self) -> str:
        """How messages call it: the VM, and the device where the VM has several."""
        if len(self.vm.devices) == 1:
            return self.vm.name
        return f"{self.vm.name}[{self.reach.vdev.name or self.number}]"


def with_place(rule: Rule) -> str:
    """A rule with its file and line."""
    return f"{rule.kind} {rule.pattern} ({rule.position.file}:{rule.position.line})"


@dataclass(frozen=True)
class Access:
    """How a device gets a region: the name that the guest uses, and the rule that permits it; None: no rule does.

    ``exact``: the options of the device spell this very region out.
    """

    device: Device
    guest_name: bytes
    rule: Rule | None
    exact: bool

    @property
    def created(self) -> Create | None:
        """The device's own ``create`` that permits the name, where the profile has it so."""
        return self.device.reach.implied_by(self.guest_name)

    @property
    def position(self) -> Position:
        """Where the configuration permits it."""
        source = self.rule or self.created or self.device.reach.vdev
        return source.position

    @property
    def because(self) -> str:
        """The rule with its file and line, or what stands in for one."""
        where = f"({self.position.file}:{self.position.line})"
        if self.rule is not None:
            return with_place(self.rule)
        if self.created is not None:
            return f"create {self.created.name} {where}"
        return f"no rule forbids it {where}" if self.device.reach.vdev.rules else f"the vdev has no rules {where}"


@dataclass(frozen=True)
class Region:
    """A region that the configurations name: by ``create``, or by a rule without wildcards."""

    host_name: bytes
    creators: tuple[tuple[Device, Creation], ...]
    accesses: tuple[Access, ...]


@dataclass(frozen=True)
class Meeting:
    """VMs that can attach to one region. ``witness`` is a short name of one."""

    analysis: Analysis
    vms: tuple[str, ...]
    witness: bytes
    accesses: tuple[Access, ...]

    @cached_property
    def names(self) -> Description:
        """All names in which they can meet."""
        common = self.analysis.common_names(self.vms)
        return describe(common, (self.witness,), empty_counts=self.analysis.legality.empty)


class Analysis:
    """What the VMs of a system can reach under ``profile``.

    ``devices`` has the devices that could be looked at; ``undecided`` those that could not, with the reason. Raises
    Entangled when the system as a whole is too large to be walked.
    """

    def __init__(self, system: System, profile: Profile, others: Sequence[Dfa] = ()) -> None:
        """``others`` are further sets of names that atoms are told apart by, such as the channels of a policy."""
        self.system = system
        self.profile = profile
        self.legality: Legality = legality(profile)
        self.devices, self.undecided = _devices(system, profile)
        self.others = tuple(others)

    @cached_property
    def starting(self) -> frozenset[str]:
        """The VMs whose configuration qvm accepts under the profile."""
        return frozenset(vm.name for vm in self.system.vms if not validate(vm.config, self.profile))

    @property
    def sets(self) -> tuple[object, ...]:
        """Everything about names that an answer rests on: equal for two profiles that read the system alike."""
        reached = tuple((device.reach.host, device.reach.creations) for device in self.devices)
        return self.legality, reached, {vm: len(problems) for vm, problems in self.undecided.items()}, self.others

    @cached_property
    def atoms(self) -> Atoms:
        """All names, sorted by which devices reach them and which spell them out, so that a witness stands for all.

        The ``others`` are counted behind the devices, then the prefixes, then the devices again.
        """
        sets = [device.reach.host for device in self.devices]
        named = [device.reach.named for device in self.devices]
        prefixes = [beginning_with(prefix) for prefix in self._prefixes]
        return atoms([*sets, *self.others, *prefixes, *named], self.legality.longest, self.legality.letters)

    def vms_of(self, members: frozenset[int]) -> frozenset[str]:
        """The VMs of an atom's devices."""
        return frozenset(self.devices[number].vm.name for number in members if number < len(self.devices))

    def others_of(self, members: frozenset[int]) -> frozenset[int]:
        """The further sets that hold an atom, counted from 0."""
        first = len(self.devices)
        return frozenset(number - first for number in members if first <= number < first + len(self.others))

    def prefixes_of(self, members: frozenset[int]) -> frozenset[bytes]:
        """The prefixes of substitutions that an atom's names begin with."""
        first = len(self.devices) + len(self.others)
        behind = first + len(self._prefixes)
        return frozenset(self._prefixes[number - first] for number in members if first <= number < behind)

    def naming(self, members: frozenset[int]) -> frozenset[str]:
        """The VMs of which a device spells an atom's names out."""
        first = len(self.devices) + len(self.others) + len(self._prefixes)
        return frozenset(self.devices[number - first].vm.name for number in members if number >= first)

    def prefixes_by(self, device: Device) -> frozenset[bytes]:
        """What the device's substitutions put into names."""
        return frozenset(one.prefix for one in device.reach.mapping.names.replacements if one.prefix)

    @cached_property
    def _prefixes(self) -> list[bytes]:
        return sorted(frozenset(prefix for device in self.devices for prefix in self.prefixes_by(device)))

    def accesses(self, host_name: bytes) -> tuple[Access, ...]:
        """Who can attach to a region."""
        if host_name not in self._known:
            self._known[host_name] = tuple(self._accesses(host_name))
        return self._known[host_name]

    @cached_property
    def _known(self) -> dict[bytes, tuple[Access, ...]]:
        return {}

    def _accesses(self, host_name: bytes) -> Iterator[Access]:
        if not self.legality.legal(host_name):
            return
        for device in self.devices:
            if not device.reach.host.accepts(host_name):
                continue
            guest_name = device.reach.guest_name(host_name)
            rule = None if guest_name is None else device.reach.deciding(guest_name)
            exact = device.reach.named.accepts(host_name)
            yield Access(device, host_name if guest_name is None else guest_name, rule, exact)

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The regions that the configurations name, by name."""
        creators: dict[bytes, list[tuple[Device, Creation]]] = {}
        for device in self.devices:
            for creation in device.reach.creations:
                if creation.host_name is not None:
                    creators.setdefault(creation.host_name, []).append((device, creation))
            for rule, glob in zip(device.reach.rules.rules, device.reach.rules.globs, strict=True):
                if rule.kind == "allow" and glob.exact:
                    name = device.reach.region_of(bytes(min(item.members) for item in glob.row))
                    if name is not None:
                        creators.setdefault(name, [])
        return tuple(Region(name, tuple(made), self.accesses(name)) for name, made in sorted(creators.items()))

    @cached_property
    def groups(self) -> dict[frozenset[str], bytes]:
        """Each group of VMs that can all attach to a region that nobody else can, with a shortest name."""
        found: dict[frozenset[str], bytes] = {}
        for members, name in self.atoms.holding():
            found.setdefault(self.vms_of(members), name)
        return {vms: name for vms, name in found.items() if len(vms) > 1}

    @cached_property
    def meetings(self) -> tuple[Meeting, ...]:
        """The pairs of VMs that can meet."""
        found = []
        for pair in combinations([vm.name for vm in self.system.vms], 2):
            witness = min(
                (name for vms, name in self.groups.items() if vms.issuperset(pair)),
                key=lambda name: (len(name), name),
                default=None,
            )
            if witness is not None:
                found.append(self.meeting(pair, witness))
        return tuple(found)

    def meeting(self, vms: tuple[str, ...], witness: bytes) -> Meeting:
        """How the VMs meet in a region that all of them reach."""
        accesses = tuple(access for access in self.accesses(witness) if access.device.vm.name in vms)
        return Meeting(self, vms, witness, accesses)

    def names_of(self, vm: str) -> Dfa:
        """All host-side names that a VM reaches by any of its devices."""
        if vm not in self._names:
            sets = [device.reach.host for device in self.devices if device.vm.name == vm]
            self._names[vm] = either(sets, STATES) if sets else NOTHING
        return self._names[vm]

    def common_names(self, vms: Sequence[str]) -> Dfa:
        """The host-side names that all of the VMs reach."""
        return common([self.names_of(vm) for vm in vms], STATES)

    def shortest(self, names: Dfa) -> bytes | None:
        """A shortest name of a set that is legal as far as letters and length go, or None when there is none."""
        found = atoms([names], self.legality.longest, self.legality.letters)
        return next((name for _, name in found.holding(0)), None)

    @cached_property
    def _names(self) -> dict[str, Dfa]:
        return {}

    def creations(self) -> Iterator[tuple[Device, Creation]]:
        """What all ``create`` options of the system make."""
        for device in self.devices:
            for creation in device.reach.creations:
                yield device, creation


def _devices(system: System, profile: Profile) -> tuple[tuple[Device, ...], dict[str, list[ConfigError]]]:
    """The devices whose names could be looked at, and for each VM what keeps one of its devices from it."""
    devices = []
    undecided: dict[str, list[ConfigError]] = {}
    for vm in system.vms:
        for unclear in _unclear(vm):
            undecided.setdefault(vm.name, []).append(unclear)
        for number, vdev in enumerate(vm.devices):
            problem = _problem(vdev, profile)
            if problem is None:
                try:
                    devices.append(Device(vm, number, reach(vdev, profile)))
                    continue
                except Entangled:
                    problem = ConfigError("the patterns overlap in too many ways to look at all names", vdev.position)
            undecided.setdefault(vm.name, []).append(problem)
    return tuple(devices), undecided


def _unclear(vm: Vm) -> Iterator[ConfigError]:
    """What may be a ``vdev shmem`` or belong to one, and is not known to."""
    for vdev in vm.config.vdevs:
        yield from _open(vdev.kind, vdev.position)
        if vdev.kind != "shmem" and _MAY_BE_SHMEM.search(vdev.kind):
            text = f"whether 'vdev {vdev.kind}' is the shared memory device is not known; write 'vdev shmem' if it is"
            yield ConfigError(text, vdev.position)
    others = (*vm.config.cpus, *vm.config.contexts, *(vdev for vdev in vm.config.vdevs if vdev.kind != "shmem"))
    options = (*vm.config.others, *(option for other in others for option in other.options))
    for option in options:
        if option.name in _RULES:
            yield ConfigError(f"'{option.name}' stands where no 'vdev shmem' is open", option.position)
    for name, position in vm.config.unclear:
        text = f"the variable '{name}' has several values, and the manual does not say which of them counts here"
        yield ConfigError(text, position)
    inside = [option for device in vm.devices for option in device.options if isinstance(option, Option)]
    # A variable in the place of an option may stand for any option, and for a context.
    for option in (*options, *inside):
        yield from _open(option.name, option.position)
        if option.name.startswith("@"):
            text = f"whether '{option.name}' in quotes is a file to read is not known; write it without quotes if it is"
            yield ConfigError(text, option.position)
    for context in vm.config.contexts:
        yield from _open(context.kind, context.position)
    for device in vm.devices:
        for create in device.creates:
            yield from _open(create.name, create.position)
    for option in (*vm.config.others, *inside):
        if not option.understood and (hint := typing_hint(option.name, _ABOUT_NAMES)):
            yield ConfigError(f"'{option.name}' is not understood{hint}", option.position)
    for option in inside:
        if option.name in _ABOUT_NAMES:
            problems = [*_open(option.text, option.position)]
            yield from problems or [ConfigError(f"'{option.name} {option.text}' is not understood", option.position)]


def _open(text: str, position: Position) -> Iterator[ConfigError]:
    """The first variable in ``text`` that has no value."""
    for name in references(text)[:1]:
        yield ConfigError(f"the variable {name} has no value", position)


def _problem(vdev: ShmemVdev, profile: Profile) -> ConfigError | None:
    """What keeps the device from being looked at."""
    for problem in list_problems(vdev, profile):
        return problem
    for option in vdev.options:
        text = (
            option.pattern
            if isinstance(option, Rule)
            else f"{option.original},{option.prefix}"
            if isinstance(option, Subst)
            else ""
        )
        for problem in _open(text, option.position):
            return problem
    return None
