# SPDX-License-Identifier: Apache-2.0
"""What a team wants: the channels of a system and their members. Everything else is forbidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from itertools import combinations
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from harness.audit.analysis import Analysis
from harness.audit.findings import Finding
from harness.audit.names.describe import describe, spelled
from harness.audit.names.dfa import Dfa, both, either, less, single
from harness.audit.names.lists import rules_list
from harness.audit.names.patterns import glob_of
from harness.audit.names.reach import STATES, legality
from harness.audit.names.substitution import as_bytes
from harness.audit.policy_file import Channel, Policy
from harness.audit.system import System
from harness.shmem.config import ConfigError, Position, Rule
from harness.shmem.profile import FIELDS, Profile
from harness.shmem.registers import PAGE_SIZE, pages


def channel_names(channel: Channel, profile: Profile) -> Dfa:
    """The regions of a channel that there can be; its pattern is read as one of ``allow``. Raises Entangled."""
    return legality(profile).filtered(rules_list([Rule("allow", channel.region)], profile).permitted(STATES))


def lists(policy: Policy, profile: Profile, vm: str, host_name: bytes) -> bool:
    """Whether the policy lists that a VM uses a region."""
    return any(
        vm in channel.members and glob_of(channel.region, profile).matches(host_name) for channel in policy.channels
    )


def check_policy(analysis: Analysis, policy: Policy) -> Iterator[Finding]:
    """Where the configurations give less or more than the policy. ``analysis`` has the channels as further sets."""
    _check_members(analysis.system, policy)
    for number_, channel in enumerate(policy.channels):
        yield from _channel(analysis, channel, number_)
    yield from _surplus(analysis, policy)


def _check_members(system: System, policy: Policy) -> None:
    """Raise ConfigError for a member that is no VM, or one of several VMs."""
    known = {vm.name for vm in system.vms}
    for channel in policy.channels:
        for member in channel.members:
            several = [vm.source for vm in system.renamed.get(member, ())]
            if several:
                text = f"the policy names a VM '{member}', and several configurations have that name"
                raise ConfigError(
                    text, channel.position, found=", ".join(several), expected="a name of its own for each"
                )
            if member not in known:
                text = f"the policy names a VM '{member}', and no configuration has that name"
                raise ConfigError(text, channel.position, expected=f"one of {', '.join(sorted(known))}")


def _channel(analysis: Analysis, channel: Channel, number_: int) -> Iterator[Finding]:
    names = analysis.others[number_]
    if analysis.shortest(names) is None:
        text = f"no legal name of a region fits the channel '{channel.region}'"
        yield Finding("error", "unused-channel", text, channel.position, channel.members)
        return
    for member in dict.fromkeys(channel.members):
        lacking = analysis.shortest(less(names, analysis.names_of(member), STATES))
        if lacking is not None:
            text = f"'{member}' cannot reach {spelled(lacking)} of the channel '{channel.region}'"
            yield Finding("error", "missing-access", text, channel.position, (member,), spelled(lacking))
    together = (
        len(analysis.vms_of(members).intersection(channel.members))
        for members, _ in analysis.atoms.holding()
        if number_ in analysis.others_of(members)
    )
    if max(together, default=0) + len(channel.host) < 2:
        text = f"fewer than two members can use the channel '{channel.region}'"
        yield Finding("warning", "unused-channel", text, channel.position, channel.members)
    if channel.size_bytes is not None:
        yield from _sizes(analysis, channel, channel.size_bytes, names)


def _sizes(analysis: Analysis, channel: Channel, size: int, names: Dfa) -> Iterator[Finding]:
    """Where a ``create`` has another size than the channel, and where no ``create`` gives a region of it a size."""
    made = []
    for device, creation in analysis.creations():
        if creation.host_name is None or not names.accepts(creation.host_name):
            continue
        made.append(creation.host_name)
        if creation.pages != pages(size):
            text = (
                f"'{device.label}' creates '{creation.option.name}' with {creation.pages * PAGE_SIZE:#x} bytes, and "
                f"the policy says {size:#x}"
            )
            yield Finding("error", "wrong-size", text, creation.option.position, (device.vm.name,))
    # Where case does not matter to a pattern, a name and its other spellings are one channel.
    spellings = [rules_list([Rule("allow", escaped(name))], analysis.profile).permitted(STATES) for name in made]
    left = less(names, either([*map(single, made), *spellings], STATES), STATES) if made else names
    reached = [analysis.shortest(both(left, analysis.names_of(vm), STATES)) for vm in dict.fromkeys(channel.members)]
    witness = min((name for name in reached if name is not None), key=lambda name: (len(name), name), default=None)
    if witness is not None:
        yield _not_set(analysis, channel, size, witness)


def _not_set(analysis: Analysis, channel: Channel, size: int, witness: bytes) -> Finding:
    """Nobody creates a region whose size the policy gives, so the guests decide it."""
    what = spelled(witness) + (f" of the channel '{channel.region}'" if as_bytes(channel.region) != witness else "")
    who = "VM or host program" if channel.host else "VM"
    then = {
        "attach": "the others get that size, whatever they ask for",
        "refused": "a request of another size is refused",
        "separate": "a request of another size gets a region of its own, so that the two do not meet",
    }[analysis.profile.size_mismatch]
    text = (
        f"the policy gives {what} {size:#x} bytes, and no 'create' does: the first {who} that asks for it decides the "
        f"size, and {then} (size_mismatch is {analysis.profile.size_mismatch}, "
        f"SHM-OPEN-{FIELDS['size_mismatch'].question.number:02})"
    )
    accesses = [one for one in analysis.accesses(witness) if one.device.vm.name in channel.members]
    return Finding(
        "note" if channel.host else "warning",
        "size-not-set",
        text,
        channel.position,
        tuple(sorted({one.device.vm.name for one in accesses})),
        spelled(witness),
        tuple(f"{one.device.label}: {one.because}" for one in accesses),
    )


def _surplus(analysis: Analysis, policy: Policy) -> Iterator[Finding]:
    """Every atom that holds more VMs than the policy lists, once for each kind of surplus, with a shortest name."""
    seen: set[tuple[str, frozenset[str], frozenset[int]]] = set()

    def is_new(kind: str, vms: frozenset[str], channels: frozenset[int]) -> bool:
        if not vms or any(kind == one and vms <= known and channels == there for one, known, there in seen):
            return False
        seen.add((kind, vms, channels))
        return True

    for members, witness in analysis.atoms.holding():
        vms = analysis.vms_of(members)
        channels = analysis.others_of(members)
        allowed = {member for number_ in channels for member in policy.channels[number_].members}
        surplus = vms - allowed
        if is_new("surplus", surplus, channels):
            yield _surplus_finding(analysis, policy, vms, channels, surplus, witness)
        apart = _apart(vms - surplus, [policy.channels[number_] for number_ in channels])
        if is_new("apart", apart, channels):
            yield _apart_finding(analysis, apart, witness)


def _apart(vms: frozenset[str], channels: Sequence[Channel]) -> frozenset[str]:
    """VMs that meet in a region and have a channel for it each, but some two of them none together."""
    pairs = combinations(sorted(vms), 2)
    alone = [pair for pair in pairs if not any(set(pair) <= set(channel.members) for channel in channels)]
    return frozenset(vm for pair in alone for vm in pair)


def _apart_finding(analysis: Analysis, vms: frozenset[str], witness: bytes) -> Finding:
    who, name, position, details = _who(analysis, vms, witness)
    text = f"{who} can meet in {name}, and not every two of them are members of one channel for it"
    return Finding("error", "forbidden-meeting", text, position, tuple(sorted(vms)), name, details)


def _surplus_finding(
    analysis: Analysis,
    policy: Policy,
    vms: frozenset[str],
    channels: frozenset[int],
    surplus: frozenset[str],
    witness: bytes,
) -> Finding:
    who, name, position, details = _who(analysis, surplus, witness)
    if channels:
        listed = ", ".join(f"'{policy.channels[number_].region}'" for number_ in sorted(channels))
        text = f"{who} can reach {name} of the channel {listed}, whose members are others"
        return Finding("error", "surplus-access", text, position, tuple(sorted(surplus)), name, details)
    if len(vms) > 1:
        text = f"{who} can meet where the policy has no channel, such as in {name}"
        return Finding("error", "forbidden-meeting", text, position, tuple(sorted(vms)), name, details)
    text = f"{who} can create and use regions that no channel of the policy has, such as {name}"
    return Finding("warning", "unlisted-regions", text, position, tuple(sorted(vms)), name, details)


def _who(analysis: Analysis, vms: frozenset[str], witness: bytes) -> tuple[str, str, Position, tuple[str, ...]]:
    """The VMs and the region in words, and where and why they reach it."""
    accesses = [access for access in analysis.accesses(witness) if access.device.vm.name in vms]
    details = tuple(f"{access.device.label}: {access.because}" for access in accesses)
    return ", ".join(f"'{vm}'" for vm in sorted(vms)), spelled(witness), accesses[0].position, details


def proposed(analysis: Analysis) -> str:
    """A first policy: every meeting of the system as a channel, for people to strike out what they did not mean.

    What cannot be written as a channel is a comment.
    """
    yaml = YAML()
    yaml.default_flow_style = False
    channels = CommentedSeq()
    left = []
    for vms, patterns, sizes, witness in _channels_of(analysis):
        if any(pattern.encode("utf-8", "replace") != as_bytes(pattern) for pattern in patterns) or not patterns:
            left.append(f"# {', '.join(vms)}: no pattern has just the names in which they meet, such as {witness}\n")
            continue
        for pattern in patterns:
            entry: Mapping[str, Any] = {"region": pattern, "members": list(vms), **sizes}
            channels.append(CommentedMap(entry))
    text = StringIO()
    yaml.dump(CommentedMap({"channels": channels}), text)
    return text.getvalue() + "".join(left)


def _channels_of(analysis: Analysis) -> Iterator[tuple[Sequence[str], Sequence[str], Mapping[str, str], str]]:
    """VMs that meet, the patterns of their regions, the size and one of the names; no pattern: there is none."""
    named = set()
    for region in analysis.regions:
        vms = sorted({access.device.vm.name for access in region.accesses})
        if len(vms) > 1:
            named.add(region.host_name)
            sizes = {creation.pages for _, creation in region.creators}
            size = {"size": hex(sizes.pop() * PAGE_SIZE)} if len(sizes) == 1 else {}
            yield vms, [escaped(region.host_name)], size, spelled(region.host_name)
    for vms_, witness in sorted(analysis.groups.items(), key=lambda item: (-len(item[0]), sorted(item[0]))):
        common = analysis.common_names(sorted(vms_))
        found = describe(common)
        patterns = [pattern for pattern in found.patterns if as_bytes(pattern) not in named]
        if not found.exact or found.exceptions:
            yield sorted(vms_), (), {}, spelled(witness)
        elif patterns:
            yield sorted(vms_), patterns, {}, spelled(witness)


def escaped(name: bytes) -> str:
    """The pattern that matches this name alone."""
    text = name.decode("utf-8", "surrogateescape")
    return "".join("\\" + char if char in "*?[\\" else char for char in text)
