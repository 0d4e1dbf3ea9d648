# SPDX-License-Identifier: Apache-2.0
"""The audit's sets of names against the oracle, which judges one name at a time and shares no code with it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings

from harness.audit.analysis import Analysis
from harness.audit.combinations import Combinations
from harness.audit.readings import read_as
from harness.audit.system import System
from harness.shmem.oracle import creations, decide
from harness.shmem.profile import Profile
from tests.audit.systems import NAMES, by_oracle, narrow_devices, profiles, systems

_SHORT = [name for name in NAMES if len(name) <= 3]


def _agrees(system: System, profile: Profile) -> None:
    analysis = Analysis(system, profile)
    # Of what is too entangled the audit says that nothing is proved, and so nothing that could be wrong.
    decided = [vm for vm in system.vms if vm.name not in analysis.undecided]
    reached = {vm.name: by_oracle(vm, profile) for vm in decided}
    for vm in decided:
        names = analysis.names_of(vm.name)
        for name in reached[vm.name]:
            assert names.accepts(name.encode()), f"{vm.name} reaches {name!r}, and the audit says that it does not"
    for name in _SHORT:
        _accesses_agree(analysis, name.encode())
    met = {meeting.vms for meeting in analysis.meetings}
    for one, other in itertools.combinations(decided, 2):
        common = reached[one.name] & reached[other.name]
        if common:
            assert (one.name, other.name) in met, f"{one.name} and {other.name} meet in {sorted(common)[0]!r}"
    for meeting in analysis.meetings:
        assert {access.device.vm.name for access in meeting.accesses} == set(meeting.vms)
        _accesses_agree(analysis, meeting.witness)
    for vms, witness in analysis.groups.items():
        assert {access.device.vm.name for access in analysis.accesses(witness)} == vms
    for device in analysis.devices:
        made = [None if one.problem else one.host_name.encode() for one in creations(device.reach.vdev, profile)]
        assert made == [one.host_name for one in device.reach.creations]


def _accesses_agree(analysis: Analysis, host_name: bytes) -> None:
    """Each access is one that the oracle grants for the very name that the audit says, by the very rule."""
    for access in analysis.accesses(host_name):
        decision = decide(access.device.reach.vdev, access.guest_name.decode(), analysis.profile)
        assert decision.allowed, f"{access.guest_name!r} is refused: {access.device.reach.vdev}"
        assert decision.host_name.encode() == host_name
        assert decision.rule == access.rule


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(systems(), profiles())
def test_what_vms_reach_and_where_they_meet(system: System, profile: Profile) -> None:
    """Every name up to four letters, under any combination of readings."""
    _agrees(system, profile)


@pytest.mark.long
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(systems(), profiles())
def test_ten_thousand_systems(system: System, profile: Profile) -> None:
    """The same, more often."""
    _agrees(system, profile)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(systems(narrow_devices()), profiles())
def test_no_reading_lets_vms_meet_that_are_proved_apart(system: System, profile: Profile) -> None:
    """A pair is apart only if the oracle says so under any readings; a combination that is named lets the pair meet."""
    looked_at = Combinations(Profile())
    for one, other in itertools.combinations(system.vms, 2):
        found = looked_at.meeting(one.devices, other.devices)
        if found is None:
            common = by_oracle(one, profile) & by_oracle(other, profile)
            assert not common, f"{one.name} and {other.name} meet in {sorted(common)[0]!r} under {profile}"
        elif found.readings is not None:
            _meet(Analysis(System((one, other)), read_as(Profile(), found.readings)), found.name)


def _meet(analysis: Analysis, host_name: bytes) -> None:
    assert len({access.device.vm.name for access in analysis.accesses(host_name)}) == 2
    _accesses_agree(analysis, host_name)
