# SPDX-License-Identifier: Apache-2.0
"""Faults: each can be put in and taken out again without a trace."""

from __future__ import annotations

import pytest

from harness.emulator.device.requests import Requests
from harness.emulator.faults import FAULTS, Patches
from harness.emulator.regions import Client, Region, Registry
from harness.emulator.rules import Rules
from harness.errors import BenchError
from tests.emulator.conftest import Bench, configuration


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_changes_something_and_is_taken_out_whole(name: str) -> None:
    classes = (Rules, Requests, Region, Registry, Client)
    before = [dict(vars(owner)) for owner in classes]
    patches = Patches()
    FAULTS[name].apply(patches)
    assert patches.count > 0
    patches.clear()
    assert [dict(vars(owner)) for owner in classes] == before


def test_a_host_has_a_fault_from_its_injection_to_its_clearing(bench: Bench) -> None:
    _, one = bench.guest(configuration(devices="vdev shmem deny secret"))
    assert one.probe.attach("secret", 1).status == 5
    bench.client.inject("rules-ignored")
    assert one.probe.attach("secret", 1).status == 0
    bench.client.clear_faults()
    assert one.probe.attach("secret", 1).status == 5


def test_an_unknown_fault_is_refused_with_a_suggestion(bench: Bench) -> None:
    with pytest.raises(BenchError, match="rules-ignored"):
        bench.client.inject("rule-ignored")
