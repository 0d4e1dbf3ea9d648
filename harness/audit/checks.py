# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a system, or risky, whatever was meant by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Final

from harness.audit.analysis import Access, Analysis, Device, Meeting
from harness.audit.findings import Finding
from harness.audit.names.describe import spelled
from harness.audit.names.dfa import DEAD, Dfa
from harness.audit.names.patterns import Glob
from harness.audit.system import System
from harness.shmem.config import Rule, doubts, validate
from harness.shmem.profile import Profile

Wanted = Callable[[str, bytes], bool]
"""Whether a policy lists that a VM uses a region, given by its host-side name."""

CLIENTS: Final = 16
"""Clients of a region (User's Guide, "vdev shmem": 16-bit masks of clients)."""


def check_files(system: System, profile: Profile) -> Iterator[Finding]:
    """What is wrong inside one VM, with their names, and with what lies beside them."""
    yield from system.passed_over
    if not any(vm.devices for vm in system.vms):
        yield Finding("warning", "no-device", "no VM has a vdev shmem, so there is nothing that was audited")
    for name, vms in system.renamed.items():
        text = f"{len(vms)} VMs are called '{name}': {', '.join(vm.source for vm in vms)}"
        paths = [Path(vm.source) for vm in vms]
        if all(path.exists() for path in paths) and len({path.resolve() for path in paths}) == 1:
            text += ", which is one file"
        yield Finding("error", "same-vm-name", text, vms[1].config.system_position, tuple(vm.name for vm in vms))
    for vm in system.vms:
        for problem in validate(vm.config, profile):
            yield Finding("error", "not-valid", problem.description, problem.position, (vm.name,))
        for remark in (*vm.config.remarks, *doubts(vm.config, profile)):
            code = "not-understood" if remark.code == "not-understood" else "not-valid"
            yield Finding("note", code, remark.text, remark.position, (vm.name,))


def check_system(analysis: Analysis, wanted: Wanted) -> Iterator[Finding]:
    """What follows from the whole system. An access that is ``wanted`` is no finding by itself."""
    for vm, problems in analysis.undecided.items():
        for problem in problems:
            text = f"nothing is proved about '{vm}': {problem.description}"
            yield Finding("error", "undecided", text, problem.position, (vm,))
    yield from _unlimited(analysis)
    yield from _creations(analysis)
    yield from _regions(analysis, wanted)
    yield from _crowds(analysis)
    yield from _posing(analysis, wanted)


def check_meetings(analysis: Analysis) -> Iterator[Finding]:
    """Meetings that not both VMs name: what a policy would have to list, where there is none. One for each pair."""
    created = {creation.host_name for _, creation in analysis.creations()}
    places = {vm.name: place for place, vm in enumerate(analysis.system.vms)}
    told: set[tuple[str, ...]] = set()
    for members, witness in analysis.atoms.holding():
        naming = analysis.naming(members)
        for pair in combinations(sorted(analysis.vms_of(members), key=places.__getitem__), 2):
            named = naming.intersection(pair)
            # Who reaches a created region without naming it is told of by itself.
            if pair in told or len(named) == 2 or (named and witness in created):
                continue
            told.add(pair)
            yield _by_wildcard(analysis.meeting(pair, witness), named)


def _by_wildcard(meeting: Meeting, named: frozenset[str]) -> Finding:
    """A meeting in a region that at most one of the two VMs names."""
    if named:
        [stranger] = set(meeting.vms) - named
        text = f"'{stranger}' can meet {_and(tuple(named))} in {_by(meeting)}, which it does not name"
    else:
        text = f"{_and(meeting.vms)} can meet in {meeting.names}, such as {_by(meeting)}"
    loose = next(access for access in meeting.accesses if access.device.vm.name not in named)
    details = tuple(f"{access.device.label}: {access.because}" for access in meeting.accesses)
    witness = spelled(meeting.witness)
    return Finding("warning", "meeting-by-wildcard", text, loose.position, meeting.vms, witness, details)


def _and(names: tuple[str, ...]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " and ".join((", ".join(quoted[:-1]), quoted[-1])) if len(quoted) > 1 else quoted[0]


def _by(meeting: Meeting) -> str:
    """The witness, with the names by which the guests get it."""
    renamed = [
        f"{spelled(access.guest_name)} in {access.device.label}"
        for access in meeting.accesses
        if access.guest_name != meeting.witness
    ]
    return spelled(meeting.witness) + (f" ({', '.join(renamed)})" if renamed else "")


def _unlimited(analysis: Analysis) -> Iterator[Finding]:
    for device in analysis.devices:
        count = count_of(device.reach.host, analysis)
        if not count:
            continue
        if device.reach.rules.permits_rest:
            why = "its list only denies" if device.reach.vdev.rules else "it has no rules"
            text = f"'{device.label}' can create {_many(count)} regions of any size and use up the host's memory: {why}"
            yield Finding("warning", "unlimited-regions", text, device.reach.vdev.position, (device.vm.name,))
        elif wide := [rule for rule, glob in _rules(device) if rule.kind == "allow" and not glob.exact]:
            text = (
                f"'{device.label}' can create {_many(count)} regions of any size by '{wide[0].kind} {wide[0].pattern}'"
            )
            yield Finding("note", "unlimited-regions", text, wide[0].position, (device.vm.name,))


def _rules(device: Device) -> Iterator[tuple[Rule, Glob]]:
    yield from zip(device.reach.rules.rules, device.reach.rules.globs, strict=True)


def count_of(names: Dfa, analysis: Analysis) -> int:
    """How many names of legal letters and length a set has."""
    letters, longest = analysis.legality.letters, analysis.legality.longest
    counts = {0: 1}
    total = 0
    for length in range(longest + 1):
        total += sum(count for state, count in counts.items() if names.accepting[state])
        if length == longest:
            break
        following: dict[int, int] = {}
        for state, count in counts.items():
            unlike = 0
            for byte, target in names.edges[state].items():
                if byte in letters:
                    unlike += 1
                    if target != DEAD:
                        following[target] = following.get(target, 0) + count
            if names.others[state] != DEAD and unlike < len(letters):
                target = names.others[state]
                following[target] = following.get(target, 0) + count * (len(letters) - unlike)
        counts = following
    return total


def _many(count: int) -> str:
    return f"{count}" if count < 1_000_000 else f"about 10^{len(str(count)) - 1}"


def _creations(analysis: Analysis) -> Iterator[Finding]:
    for device, creation in analysis.creations():
        name = creation.option.name
        if creation.problem:
            text = f"'{device.label}' cannot create '{name}': {creation.problem}"
            yield Finding("error", "create-not-possible", text, creation.option.position, (device.vm.name,))
        elif creation.host_name is not None and not device.reach.host.accepts(creation.host_name):
            text = f"'{device.label}' creates '{name}', which its own list refuses to the guest"
            yield Finding("warning", "create-refused-by-rules", text, creation.option.position, (device.vm.name,))


def _regions(analysis: Analysis, wanted: Wanted) -> Iterator[Finding]:
    for region in analysis.regions:
        name = spelled(region.host_name)
        sizes = {creation.pages for _, creation in region.creators}
        if len(sizes) > 1:
            made = [
                f"{creation.pages} pages by '{device.label}' ({creation.option.position.file}:"
                f"{creation.option.position.line})"
                for device, creation in region.creators
            ]
            outcome = {
                "keep": "the one that starts first decides the size",
                "rejected": "the one that starts second does not start",
            }[analysis.profile.create_existing]
            text = f"{name} is created with two sizes, {' and '.join(made)}: {outcome}"
            yield Finding("error", "two-sizes", text, region.creators[-1][1].option.position, witness=name)
        if len(region.accesses) > CLIENTS:
            text = f"{len(region.accesses)} devices can attach to {name}, which has room for {CLIENTS} clients"
            yield Finding("warning", "too-many-clients", text, region.accesses[CLIENTS].position, witness=name)
        unlisted = tuple(one for one in region.accesses if not wanted(one.device.vm.name, region.host_name))
        yield from _reached(analysis, region.creators, unlisted, name)


def _crowds(analysis: Analysis) -> Iterator[Finding]:
    """Regions that no configuration names and that have no room for all devices which can attach."""
    named = {region.host_name for region in analysis.regions}
    told: list[frozenset[str]] = []
    for members, witness in analysis.atoms.holding():
        crowd = sum(number < len(analysis.devices) for number in members) > CLIENTS
        accesses = analysis.accesses(witness) if crowd and witness not in named else ()
        labels = frozenset(access.device.label for access in accesses)
        if len(labels) > CLIENTS and not any(labels <= before for before in told):
            told.append(labels)
            text = f"{len(labels)} devices can attach to {spelled(witness)}, which has room for {CLIENTS} clients"
            yield Finding("warning", "too-many-clients", text, accesses[CLIENTS].position, witness=spelled(witness))


def _reached(
    analysis: Analysis, creators: tuple[tuple[Device, object], ...], accesses: tuple[Access, ...], name: str
) -> Iterator[Finding]:
    """Who reaches a created region without being meant to, and who could be there first."""
    if not creators:
        return
    makers = {device.vm.name for device, _ in creators}
    strangers = [access for access in accesses if access.device.vm.name not in makers]
    by = _and(tuple(sorted(makers)))
    for access in strangers:
        if not access.exact:
            text = f"'{access.device.label}' reaches {name}, which {by} creates: {access.because}"
            vms = (access.device.vm.name, *sorted(makers))
            yield Finding("warning", "reaches-created-region", text, access.position, vms, name)
    if strangers:
        labels = _and(tuple(access.device.label for access in strangers))
        then = {
            "keep": f"{by} then starts with that size",
            "rejected": f"{by} then does not start if the size differs",
        }[analysis.profile.create_existing]
        text = f"{labels} can create {name} with another size before {by} does; {then}"
        yield Finding("note", "squatting", text, strangers[0].position, tuple(sorted(makers)), name)


def _makes(device: Device, host_name: bytes) -> bool:
    """Whether the device's own ``create`` makes the region."""
    return any(creation.host_name == host_name for creation in device.reach.creations)


def _posing(analysis: Analysis, wanted: Wanted) -> Iterator[Finding]:
    """Names under one VM's prefix that another VM reaches, without that substitution and by no exact rule."""
    seen: set[tuple[str, str]] = set()
    for members, witness in analysis.atoms.holding():
        prefixes = analysis.prefixes_of(members)
        if not prefixes:
            continue
        accesses = analysis.accesses(witness)
        for owner in accesses:
            own = prefixes & analysis.prefixes_by(owner.device)
            for access in accesses if own else ():
                pair = (owner.device.vm.name, access.device.vm.name)
                if pair[0] == pair[1] or pair in seen or access.exact or wanted(pair[1], witness):
                    continue
                if own & analysis.prefixes_by(access.device) or _makes(access.device, witness):
                    continue
                seen.add(pair)
                text = (
                    f"'{access.device.label}' reaches {spelled(witness)}, which is under the prefix "
                    f"{spelled(min(own))} of '{owner.device.label}': {access.because}"
                )
                yield Finding("warning", "posing", text, access.position, pair, spelled(witness))
