# SPDX-License-Identifier: Apache-2.0
"""What a team wants: the channels of a system and their members. Everything else is forbidden."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from harness.audit.analysis import Analysis
from harness.audit.findings import Finding
from harness.audit.names.describe import describe, spelled
from harness.audit.names.dfa import Dfa, both, either, less, single
from harness.audit.names.lists import rules_list
from harness.audit.names.patterns import glob_of
from harness.audit.names.reach import STATES
from harness.audit.names.substitution import as_bytes
from harness.shmem.config import ConfigError, Position, Rule
from harness.shmem.config.numbers import number
from harness.shmem.profile import FIELDS, Profile
from harness.shmem.registers import PAGE_SIZE, pages

_CHANNEL_KEYS: Final = frozenset({"region", "members", "size", "host", "purpose"})


@dataclass(frozen=True)
class Channel:
    """A region by its host-side name, or several by a pattern, and the VMs that may use it.

    ``size_bytes`` is what it has to be created with; ``host`` are programs of the host that use it, too.
    """

    region: str
    members: tuple[str, ...]
    position: Position
    size_bytes: int | None = None
    host: tuple[str, ...] = ()
    purpose: str = ""


@dataclass(frozen=True)
class Policy:
    """The channels of a system."""

    channels: tuple[Channel, ...]
    file: str = field(default="", compare=False)


def read_policy(path: str) -> Policy:
    """The policy in a file. Raises ConfigError with the line for what it cannot be."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the policy: {error}", Position(path, 1, 1)) from error
    try:
        found = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Position(path, 1, 1) if mark is None else Position(path, mark.line + 1, mark.column + 1)
        raise ConfigError(f"no valid YAML: {error.problem or error.context}", where) from error
    except YAMLError as error:
        raise ConfigError(f"no valid YAML: {error}", Position(path, 1, 1)) from error
    return _Reader(path).policy(found)


class _Reader:
    def __init__(self, path: str) -> None:
        self._path = path

    def policy(self, found: object) -> Policy:
        """The whole file."""
        channels = found.get("channels") if isinstance(found, CommentedMap) else None
        if not isinstance(found, CommentedMap) or not isinstance(channels, CommentedSeq):
            raise ConfigError("a policy is a list under the key 'channels'", Position(self._path, 1, 1))
        for key in found:
            if key != "channels":
                raise ConfigError(f"unknown key '{key}'", self._at(found, key), expected="only 'channels'")
        return Policy(tuple(self._channel(channels, index) for index in range(len(channels))), self._path)

    def _at(self, node: CommentedMap | CommentedSeq, key: object) -> Position:
        try:
            line, column = node.lc.data[key][:2]
        except (KeyError, TypeError, AttributeError):
            line, column = node.lc.line, node.lc.col
        return Position(self._path, line + 1, column + 1)

    def _channel(self, channels: CommentedSeq, index: int) -> Channel:
        node = channels[index]
        where = self._at(channels, index)
        if not isinstance(node, CommentedMap):
            raise ConfigError("a channel has the keys 'region' and 'members'", where, found=f"'{node}'")
        for key in node:
            if key not in _CHANNEL_KEYS:
                expected = f"one of {', '.join(sorted(_CHANNEL_KEYS))}"
                raise ConfigError(f"unknown key '{key}'", self._at(node, key), expected=expected)
        for key in ("region", "members"):
            if key not in node:
                raise ConfigError(f"the channel has no '{key}'", where)
        region = self._text(node, "region")
        if not region:
            raise ConfigError("the region has no name", self._at(node, "region"))
        return Channel(
            region,
            self._names(node, "members"),
            where,
            self._size(node) if "size" in node else None,
            self._names(node, "host") if "host" in node else (),
            self._text(node, "purpose") if "purpose" in node else "",
        )

    def _text(self, node: CommentedMap, key: str) -> str:
        value = node[key]
        if not isinstance(value, str):
            raise ConfigError(f"'{key}' is not a text; write it in quotes", self._at(node, key), found=f"{value!r}")
        return str(value)

    def _names(self, node: CommentedMap, key: str) -> tuple[str, ...]:
        value = node[key]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"'{key}' is not a list of names", self._at(node, key), found=f"{value!r}")
        return tuple(str(item) for item in value)

    def _size(self, node: CommentedMap) -> int:
        value, where = node["size"], self._at(node, "size")
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ConfigError("'size' is not a number of bytes such as 0x10000 or 64K", where, found=f"{value!r}")
        return int(value) if isinstance(value, int) else number(value, where, "'size'")


def channel_names(channel: Channel, profile: Profile) -> Dfa:
    """The regions of a channel; its pattern is read as one of ``allow``. Raises Entangled."""
    return rules_list([Rule("allow", channel.region)], profile).permitted(STATES)


def lists(policy: Policy, profile: Profile, vm: str, host_name: bytes) -> bool:
    """Whether the policy lists that a VM uses a region."""
    return any(
        vm in channel.members and glob_of(channel.region, profile).matches(host_name) for channel in policy.channels
    )


def check_policy(analysis: Analysis, policy: Policy) -> Iterator[Finding]:
    """Where the configurations give less or more than the policy. ``analysis`` has the channels as further sets."""
    known = {vm.name for vm in analysis.system.vms}
    for channel in policy.channels:
        for member in channel.members:
            if member not in known:
                raise ConfigError(
                    f"the policy names a VM '{member}', and no configuration has that name",
                    channel.position,
                    expected=f"one of {', '.join(sorted(known))}",
                )
    for number_, channel in enumerate(policy.channels):
        yield from _channel(analysis, channel, number_)
    yield from _surplus(analysis, policy)


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


def schema() -> str:
    """The JSON Schema of a policy file."""
    names = {"type": "array", "items": {"type": "string"}}
    channel = {
        "type": "object",
        "additionalProperties": False,
        "required": ["region", "members"],
        "properties": {
            "region": {"type": "string", "minLength": 1, "description": "host-side name, or a pattern as of 'allow'"},
            "members": {**names, "description": "VMs that may use the region, by the name after 'system'"},
            "size": {"type": ["integer", "string"], "description": "bytes, also as 0x10000 or 64K"},
            "host": {**names, "description": "programs of the host that use the region"},
            "purpose": {"type": "string", "description": "for people"},
        },
    }
    return json.dumps(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Policy of a system of qvm configurations",
            "type": "object",
            "additionalProperties": False,
            "required": ["channels"],
            "properties": {"channels": {"type": "array", "items": channel}},
        },
        indent=2,
    )
