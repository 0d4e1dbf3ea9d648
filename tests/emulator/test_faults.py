# SPDX-License-Identifier: Apache-2.0
"""Faults: each changes what can be seen of the device, and is taken out again without a trace."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module

import pytest

from harness.emulator.faults.catalogue import MODULES, Fault, catalogue
from harness.emulator.faults.injection import Injection
from harness.emulator.faults.registration import REGISTERED
from harness.errors import BenchError
from tests import programs
from tests.emulator.behaviour import SCENARIOS, Scenario, run
from tests.emulator.conftest import Bench, configuration

EVERY = list(dict.fromkeys(scenario for group in SCENARIOS.values() for scenario in group))
Seen = dict[Scenario, object]


@pytest.fixture(scope="module")
def usual() -> Seen:
    """What every scenario shows without a fault."""
    return {scenario: run(scenario) for scenario in EVERY}


@pytest.fixture
def injection() -> Iterator[Injection]:
    made = Injection()
    yield made
    made.clear()


def shows(fault: Fault, usual: Seen) -> bool:
    """Whether a scenario shows something unusual now; one that a faulty device lets nobody carry out does not count."""
    nearest = SCENARIOS[fault.group]
    for scenario in [*nearest, *(other for other in EVERY if other not in nearest)]:
        with suppress(Exception):
            if run(scenario) != usual[scenario]:
                return True
    return False


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


def test_without_a_fault_the_same_is_seen_again(usual: Seen) -> None:
    """Otherwise a difference would say nothing about a fault."""
    assert {scenario: run(scenario) for scenario in EVERY} == usual


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_a_fault_changes_what_is_seen_and_is_taken_out_whole(name: str, usual: Seen, injection: Injection) -> None:
    fault = catalogue()[name]
    import_module(f"harness.emulator.faults.{fault.module}")
    before = _attributes()
    injection.inject(name)
    assert shows(fault, usual)
    injection.clear()
    assert _attributes() == before


def test_the_catalogue_says_what_the_modules_register() -> None:
    for module in MODULES:
        import_module(f"harness.emulator.faults.{module}")
    registered = [(fault.name, fault.group, fault.text) for fault in REGISTERED.values()]
    assert sorted(registered) == sorted((fault.name, fault.group, fault.text) for fault in catalogue().values())


def test_the_module_of_a_fault_is_called_after_its_group() -> None:
    assert {fault.module for fault in catalogue().values()} == set(MODULES)
    for fault in catalogue().values():
        assert fault.module == fault.group or fault.module.startswith(f"{fault.group}_")


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import harness.emulator.daemon", [f"harness.emulator.faults.{module}" for module in MODULES]),
        (
            "from harness.emulator.faults.catalogue import catalogue; assert catalogue()",
            ["harness.emulator.device", "harness.emulator.machine", "harness.emulator.service"],
        ),
    ],
    ids=["a host", "the catalogue"],
)
def test_what_needs_no_fault_imports_none(code: str, absent: list[str]) -> None:
    report = f"{code}; import sys; print(*sorted(sys.modules))"
    run = programs.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    assert not set(absent) & set(run.stdout.split())


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
