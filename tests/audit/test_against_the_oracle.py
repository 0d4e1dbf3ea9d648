# SPDX-License-Identifier: Apache-2.0
"""The audit's sets of names against the oracle, which judges one name at a time and shares no code with it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, reject, settings

from harness.audit.analysis import Analysis
from harness.audit.names.dfa import Entangled
from harness.audit.readings import widest
from harness.audit.system import System
from harness.shmem.oracle import creations, decide
from harness.shmem.profile import Profile
from tests.audit.systems import NAMES, by_oracle, profiles, systems

_SHORT = [name for name in NAMES if len(name) <= 3]


def _agrees(system: System, profile: Profile) -> None:
    analysis = Analysis(system, profile)
    reached = {vm.name: by_oracle(vm, profile) for vm in system.vms}
    for vm in system.vms:
        names = analysis.names_of(vm.name)
        for name in reached[vm.name]:
            assert names.accepts(name.encode()), f"{vm.name} reaches {name!r}, and the audit says that it does not"
    for name in _SHORT:
        _accesses_agree(analysis, name.encode())
    met = {meeting.vms for meeting in analysis.meetings}
    for one, other in itertools.combinations(system.vms, 2):
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
        if not any(one.problem for one in creations(device.reach.vdev, profile)):
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


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(systems(), profiles())
def test_no_reading_reaches_more_than_the_widest(system: System, profile: Profile) -> None:
    """What is closed for the widest set is closed under every reading."""
    vdev = system.vms[0].devices[0]
    try:
        names = widest(vdev, Profile())
    except Entangled:
        reject()  # The audit says that it has not looked at all readings.
    for name in NAMES:
        decision = decide(vdev, name, profile)
        if decision.allowed:
            assert names.accepts(decision.host_name.encode())
