# SPDX-License-Identifier: Apache-2.0
"""The audit of written systems against the oracle, in the names that may matter: long ones, and ones of any bytes."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random

import pytest

from harness.audit.analysis import Analysis, Device
from harness.audit.system import System, read_system
from harness.shmem.oracle import Decision, creations, decide
from harness.shmem.profile import Profile
from tests.audit import written


def _host_name(decision: Decision) -> bytes:
    return decision.host_name.encode("utf-8", "surrogateescape")


def _decided(device: Device, guest_name: bytes, profile: Profile) -> Decision:
    return decide(device.reach.vdev, guest_name.decode("utf-8", "surrogateescape"), profile)


def _agrees(system: System, profile: Profile, names: list[bytes]) -> int:
    """Compare all devices, pairs and groups; returns in how many regions."""
    analysis = Analysis(system, profile)
    assert not analysis.undecided
    reached: dict[bytes, set[str]] = {}
    for device in analysis.devices:
        for name in names:
            decision = _decided(device, name, profile)
            if decision.allowed:
                reached.setdefault(_host_name(decision), set()).add(device.label)
        made = [None if one.problem else (one.host_name, one.pages) for one in creations(device.reach.vdev, profile)]
        found = [
            None if one.host_name is None else (one.host_name.decode(), one.pages) for one in device.reach.creations
        ]
        assert made == found
    met = {meeting.vms: analysis.common_names(meeting.vms) for meeting in analysis.meetings}
    for host_name, labels in reached.items():
        accesses = analysis.accesses(host_name)
        # The names are some of all, so the audit may know of more ways to a region; each has to be one.
        assert labels <= {access.device.label for access in accesses}, host_name
        for access in accesses:
            decision = _decided(access.device, access.guest_name, profile)
            assert (decision.allowed, _host_name(decision), decision.rule) == (True, host_name, access.rule)
        vms = dict.fromkeys(access.device.vm.name for access in accesses)
        assert len(vms) < 2 or frozenset(vms) in analysis.groups, host_name
        for pair in itertools.combinations([vm.name for vm in system.vms if vm.name in vms], 2):
            assert met[pair].accepts(host_name), f"{pair} meet in {host_name!r}"
    return len(reached)


def _compared(seed: int, folder: Path) -> int:
    random = Random(seed)
    folder.mkdir()
    written.write(random, folder)
    profile = written.profile(random)
    system = read_system([str(folder)])
    return _agrees(system, profile, written.names(random, system))


def test_written_systems(tmp_path: Path) -> None:
    assert sum(_compared(seed, tmp_path / str(seed)) for seed in range(5)) > 100


@pytest.mark.long
@pytest.mark.parametrize("first", range(100, 300, 20))
def test_many_written_systems(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 20):
        _compared(seed, tmp_path / str(seed))
