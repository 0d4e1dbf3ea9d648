# SPDX-License-Identifier: Apache-2.0
"""Faults: each can be put in and taken out again without a trace."""

from __future__ import annotations

import sys

import pytest

from harness.emulator.faults import FAULTS, Patches
from harness.errors import BenchError
from tests.emulator.conftest import Bench, configuration


def _attributes() -> dict[str, dict[str, object]]:
    """What every module of the emulated host and every class in one holds."""
    modules = {name: module for name, module in sys.modules.items() if name.startswith("harness.emulator")}
    classes = {
        f"{name}.{value.__qualname__}": value
        for name, module in modules.items()
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == name
    }
    return {name: dict(vars(owner)) for name, owner in {**modules, **classes}.items()}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_changes_something_and_is_taken_out_whole(name: str) -> None:
    before = _attributes()
    patches = Patches()
    FAULTS[name].apply(patches)
    assert patches.count > 0
    assert _attributes() != before
    patches.clear()
    assert _attributes() == before


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
