# SPDX-License-Identifier: Apache-2.0
"""The lists that make the files of a system do what a policy says, audited before they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.audit.analysis import Analysis, Device
from harness.audit.audit import Audit, analyse, audit
from harness.audit.checks import count_of
from harness.audit.names.atoms import atoms
from harness.audit.names.describe import describe
from harness.audit.names.dfa import Dfa, Entangled, less
from harness.audit.names.lists import rules_list
from harness.audit.names.reach import STATES, Legality, reached
from harness.audit.names.substitution import as_bytes
from harness.audit.policy import channel_names, escaped
from harness.audit.policy_file import Channel, Policy
from harness.audit.system import System, Vm
from harness.audit.text import findings, verdict
from harness.errors import UsageError
from harness.shmem.config import Rule, ShmemVdev
from harness.shmem.config.words import quote
from harness.shmem.profile import Profile


@dataclass(frozen=True)
class Proposal:
    """The list of one device, and whether the device reaches with it what it reaches as it is."""

    vm: Vm
    number: int
    rules: tuple[Rule, ...]
    as_it_is: bool

    @property
    def vdev(self) -> ShmemVdev:
        """The device as it is now."""
        return self.vm.devices[self.number]


@dataclass(frozen=True)
class Proposed:
    """A list for each device, and the audit of the system with these lists."""

    lists: tuple[Proposal, ...]
    outcome: Audit


def propose_rules(system: System, release: str, profile: Profile, policy: Policy) -> Proposed:
    """Lists with which each VM reaches what the policy lists, and no more, as far as lists can do that.

    Raises ConfigError for a policy about other VMs, UsageError for devices whose substitutions cannot be looked at.
    """
    try:
        now = analyse(system, profile)
        free = analyse(_with_lists(system, [[() for _ in vm.devices] for vm in system.vms]), profile)
        if free.undecided:
            vm, problems = next(iter(free.undecided.items()))
            raise UsageError(f"nothing can be proposed for '{vm}': {problems[0]}")
        lists = _lists(free, now, policy)
    except Entangled:
        raise UsageError("the rules overlap in too many ways to look at all names") from None
    changed = _with_lists(system, lists)
    outcome = audit(changed, release, profile, policy)
    return Proposed(tuple(_proposals(system, lists, now, outcome)), outcome)


def _proposals(
    system: System, lists: Sequence[Sequence[tuple[Rule, ...]]], now: Analysis, outcome: Audit
) -> Iterator[Proposal]:
    before = {(device.vm.name, device.number): device.reach.host for device in now.devices}
    found = () if outcome.analysis is None else outcome.analysis.devices
    after = {(device.vm.name, device.number): device.reach.host for device in found}
    for vm, rules in zip(system.vms, lists, strict=True):
        for number, list_ in enumerate(rules):
            key = (vm.name, number)
            yield Proposal(vm, number, list_, key in before and before[key] == after.get(key))


def _with_lists(system: System, lists: Sequence[Sequence[tuple[Rule, ...]]]) -> System:
    """The system with other lists."""
    vms = tuple(_vm_with_lists(vm, rules) for vm, rules in zip(system.vms, lists, strict=True))
    return replace(system, vms=vms)


def _vm_with_lists(vm: Vm, lists: Sequence[tuple[Rule, ...]]) -> Vm:
    devices = tuple(_with_list(vdev, rules) for vdev, rules in zip(vm.devices, lists, strict=True))
    waiting = iter(devices)
    vdevs = tuple(next(waiting).vdev() if vdev.kind == "shmem" else vdev for vdev in vm.config.vdevs)
    return replace(vm, devices=devices, config=replace(vm.config, vdevs=vdevs))


def _with_list(vdev: ShmemVdev, rules: tuple[Rule, ...]) -> ShmemVdev:
    others = tuple(option for option in vdev.options if not isinstance(option, Rule))
    return replace(vdev, options=(*rules, *others))


def _lists(free: Analysis, now: Analysis, policy: Policy) -> list[list[tuple[Rule, ...]]]:
    """For each VM and each of its devices the rules."""
    patterns: dict[tuple[str, int], list[str]] = {}
    for channel in policy.channels:
        for vm in dict.fromkeys(channel.members):
            devices = [device for device in free.devices if device.vm.name == vm]
            devices.sort(key=lambda device: _rank(device, channel, now))
            found = _best([(device, *gift) for device in devices for gift in _gifts(device, channel, free)])
            if found is not None:
                device, pattern = found
                patterns.setdefault((vm, device.number), []).append(pattern)
    return [
        [_shortest(patterns.get((vm.name, number), []), vdev, free) for number, vdev in enumerate(vm.devices)]
        for vm in free.system.vms
    ]


def _rank(device: Device, channel: Channel, now: Analysis) -> tuple[bool, bool]:
    """Which of a VM's devices gets a channel: the one that creates its region, else one that reaches it now."""
    names = channel_names(channel, now.profile)
    creates = any(made.host_name is not None and names.accepts(made.host_name) for made in device.reach.creations)
    reaches = any(
        now.shortest(less(names, other.reach.host, STATES)) is None
        for other in now.devices
        if (other.vm.name, other.number) == (device.vm.name, device.number)
    )
    return not creates, not reaches


def _best(gifts: Sequence[tuple[Device, str, int]]) -> tuple[Device, str] | None:
    """The device and the pattern with the most regions, the first of them if there are several."""
    if not gifts:
        return None
    device, pattern, _ = max(gifts, key=lambda gift: gift[2])
    return device, pattern


def _gifts(device: Device, channel: Channel, free: Analysis) -> Iterator[tuple[str, int]]:
    """Patterns that give the device regions of the channel and no other, each with the number of regions."""
    names = channel_names(channel, device.reach.profile)
    for pattern in filter(None, _candidates(device, channel)):
        rules = rules_list([Rule("allow", pattern)], device.reach.profile)
        host = reached(replace(device.reach.mapping, implied=()), rules)
        if not _empty(host, free.legality) and _empty(less(host, names, STATES), free.legality):
            yield pattern, count_of(host, free)


def _candidates(device: Device, channel: Channel) -> Iterator[str]:
    for one in device.reach.vdev.substs:
        if channel.region.startswith(escaped(as_bytes(one.prefix))):
            yield escaped(as_bytes(one.original)) + channel.region[len(escaped(as_bytes(one.prefix))) :]
    yield channel.region
    guest_name = device.reach.guest_name(_unescaped(channel.region))
    if guest_name is not None:
        yield escaped(guest_name)


def _unescaped(region: str) -> bytes:
    """The region that a pattern without special characters names."""
    text, at = "", 0
    while at < len(region):
        at += region[at] == "\\" and at + 1 < len(region)
        text += region[at]
        at += 1
    return as_bytes(text)


def _empty(names: Dfa, legal: Legality) -> bool:
    """Whether no legal name is in the set."""
    found = atoms([legal.filtered(names)], legal.longest, legal.letters)
    return not any(found.holding(0))


def _shortest(patterns: Sequence[str], vdev: ShmemVdev, free: Analysis) -> tuple[Rule, ...]:
    """The rules that permit the names of these patterns, none of which can be left out."""
    profile = free.profile
    kept = list(dict.fromkeys(patterns))
    for pattern in sorted(kept, key=len, reverse=True):
        rest = [one for one in kept if one != pattern]
        if rest and _empty(less(_permitted([pattern], profile), _permitted(rest, profile), STATES), free.legality):
            kept = rest
    if len(kept) > 1:
        kept = _described(kept, free) or kept
    if not kept:
        # An empty list would permit everything.
        shut = ["*", ".*"] if profile.pattern_dot == "explicit" else ["*"]
        return tuple(Rule("deny", pattern, vdev.position) for pattern in shut)
    return tuple(Rule("allow", pattern, vdev.position) for pattern in kept)


def _described(patterns: Sequence[str], free: Analysis) -> list[str]:
    """Fewer patterns with the same names, or none."""
    names = _permitted(patterns, free.profile)
    found = describe(names, empty_counts=free.legality.empty)
    fewer = list(found.patterns)
    if not found.exact or found.exceptions or not 0 < len(fewer) < len(patterns) or not all(fewer):
        return []
    again = _permitted(fewer, free.profile)
    same = _empty(less(again, names, STATES), free.legality) and _empty(less(names, again, STATES), free.legality)
    return fewer if same else []


def _permitted(patterns: Sequence[str], profile: Profile) -> Dfa:
    return rules_list([Rule("allow", pattern) for pattern in patterns], profile).permitted(STATES)


def as_text(proposed: Proposed) -> Iterator[str]:
    """The lists to be put into the files, and what an audit says about the system with them."""
    yield "Lists that make the files do what the policy says; each is the whole list of its vdev shmem"
    for proposal in proposed.lists:
        where = proposal.vdev.position
        same = ", which permits what it permits now" if proposal.as_it_is else ""
        yield ""
        yield f"# {proposal.vm.name}, {where.file}:{where.line}{same}"
        for rule in proposal.rules:
            yield f"{rule.kind} {quote(rule.pattern)}"
    found = [finding for finding in proposed.outcome.findings if finding.severity != "note"]
    if found:
        yield ""
        yield "What lists cannot mend"
    yield from list(findings(found))[2:]
    yield ""
    yield f"audited with these lists: {verdict(replace(proposed.outcome, findings=tuple(found)))}"


def as_json(proposed: Proposed) -> dict[str, Any]:
    """The same in plain values."""
    return {
        "closed": proposed.outcome.closed,
        "lists": [
            {
                "vm": proposal.vm.name,
                "device": proposal.number,
                "file": proposal.vdev.position.file,
                "line": proposal.vdev.position.line,
                "as_it_is": proposal.as_it_is,
                "rules": [f"{rule.kind} {quote(rule.pattern)}" for rule in proposal.rules],
            }
            for proposal in proposed.lists
        ],
        "findings": [str(finding) for finding in proposed.outcome.findings],
    }
