# SPDX-License-Identifier: Apache-2.0
"""The generated names against the emulator's rule engine without guests: would they show each fault of the rules?

``harness prove`` shows the same on running guests, a fault a session; here all of them cost a few seconds.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain

import pytest

from fixtures.configuration import shmem
from harness.emulator.device.factory import FactoryPage
from harness.emulator.device.regions import Registry, RequestFailed
from harness.emulator.device.requests import Requests
from harness.emulator.device.rules import Rules
from harness.emulator.faults.catalogue import catalogue
from harness.emulator.faults.injection import Injection
from harness.prove.groups import matches
from harness.shmem.config import ShmemVdev
from harness.shmem.oracle import Decider
from harness.shmem.oracle.coverage import RuleMatcher, new_budget
from harness.shmem.profile import PROFILES
from harness.shmem.registers import NAME_SIZE
from harness.shmem.status import Status
from suites.matrix.covering import OPERATIONS
from suites.matrix.statements import statement
from suites.names.evidence import REQUIREMENTS
from suites.names.inquiry import text_of
from suites.names.lists import Listed, Start, listed
from tests import programs

PROFILE = PROFILES["7.0"]
# Those show only where a region of another guest is there, in what a request leaves behind, in another device, or in
# the second of two requests: the guests of the suite are asked for that, and suites/access has tests of it.
ELSEWHERE = {
    "rules-of-first-vm",
    "deny-only-at-creation",
    "allow-only-at-attach",
    "refusal-creates",
    "denied-as-success",
    "subst-not-at-creation",
    "subst-left-by-failure",
    "refusal-wears-off",
    "created-open-to-all",
}
ACCESS = sorted(name for name, fault in catalogue().items() if fault.group == "access")
SAMPLE = 400
"""Names of each list that are tried here."""

Verdict = tuple[Status, str]


@cache
def trials(start: Start) -> tuple[tuple[ShmemVdev, tuple[tuple[bytes, Verdict], ...]], ...]:
    """A sample of the names of every list of a start, with what the oracle says."""
    return tuple((shmem(each.options).vdev, tuple(expected(each))) for each in listed(start, "aarch64"))


def expected(each: Listed) -> Iterator[tuple[bytes, Verdict]]:
    vdev = shmem(each.options).vdev
    oracle = Decider(vdev, PROFILE, RuleMatcher(vdev.rules, PROFILE, new_budget()))
    names = [name for item in each.items for name in item.names()]
    for name in random.Random(each.options).sample(names, min(SAMPLE, len(names))):
        decision = oracle.decide(text_of(name))
        yield name, (decision.status, decision.host_name if decision.allowed else "")


def requested(vdev: ShmemVdev, rules: Rules, name: bytes) -> Verdict:
    """The answer to a request for ``name``."""
    registry = Registry(PROFILE)
    factory = FactoryPage(0, PROFILE)
    factory.name[:] = name.ljust(NAME_SIZE, b"\0")
    factory.size = 1
    try:
        requests = Requests(vdev, "guest", factory, rules, registry, PROFILE, 4096, lambda _pages: True, list, list)
        return Status.OK, text_of(requests.open().region.name.encode("latin-1"))
    except RequestFailed as refusal:
        return refusal.status, ""
    finally:
        registry.close()


def noticed() -> Iterator[str]:
    """The requirements of the names for which emulator and oracle differ."""
    for vdev, names in chain.from_iterable(map(trials, REQUIREMENTS)):
        rules = Rules(vdev, PROFILE)
        for name, wanted in names:
            if requested(vdev, rules, name) != wanted:
                yield statement(vdev, text_of(name), "create")


def test_without_a_fault_emulator_and_oracle_agree() -> None:
    assert sum(len(names) for start in REQUIREMENTS for _, names in trials(start)) > 10_000
    assert not list(noticed())


@pytest.mark.parametrize("name", [name for name in ACCESS if name not in ELSEWHERE])
def test_a_fault_of_the_rules_shows_in_the_names(name: str) -> None:
    injection = Injection()
    injection.inject(name)
    try:
        assert matches("access", noticed())
    finally:
        injection.clear()


@pytest.mark.parametrize("start", REQUIREMENTS)
def test_names_give_evidence_for_the_requirements_of_their_tests_and_no_others(start: Start) -> None:
    """Those that do not say what a wrong status breaks are about what the register keeps and whose bytes are met."""
    found = {
        statement(vdev, text_of(name), operation)
        for vdev, names in trials(start)
        if len(vdev.rules) < 100
        for name, _ in names[:100]
        for operation in OPERATIONS
    }
    assert found == set(REQUIREMENTS[start]) - {"SHM-FACT-09", "SHM-ISOL-02"}


def test_the_lists_are_the_same_in_every_process() -> None:
    code = "from suites.names.lists import listed; print([listed(each, 'aarch64') for each in ('patterns', 'lists')])"
    runs = {
        programs.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": ".", "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE,
            timeout=programs.PATIENCE, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(runs) == 1
