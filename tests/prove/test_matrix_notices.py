# SPDX-License-Identifier: Apache-2.0
"""The access matrix against the emulator's rule engine without guests: would its names show each fault of the rules?

``harness prove`` shows the same on running guests, a fault a session; here all of them cost a few seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

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
from harness.shmem.oracle import Decision, decide
from harness.shmem.profile import PROFILES
from harness.shmem.registers import NAME_SIZE
from harness.shmem.status import Status
from suites.matrix.covering import Operation, starts
from suites.matrix.statements import statement

PROFILE = PROFILES["7.0"]
# Those need longer lists and patterns, metacharacters next to each other or a region that another guest's create has
# made, show elsewhere than in the verdict, or remember the requests before it: suites/access has their tests.
ELSEWHERE = {
    "pattern-cut",
    "rules-beyond-four-lost",
    "subst-not-at-creation",
    "refusal-creates",
    "denied-as-success",
    "refusal-wears-off",
    "created-open-to-all",
    "rule-star-seeks-plain",
    "subst-left-by-failure",
}
ACCESS = sorted(name for name, fault in catalogue().items() if fault.group == "access")

Trial = tuple[ShmemVdev, str, Operation, Decision]


@cache
def trials() -> tuple[Trial, ...]:
    """Every vdev, name and operation of the matrix, with what the oracle says."""
    return tuple(
        (vdev, name, operation, decide(vdev, name, PROFILE))
        for group in starts()
        for configuration in group
        for vdev in [shmem(configuration.options).vdev]
        for relation, name in configuration.names.items()
        for operation in configuration.operations[relation]
        if len(name) <= NAME_SIZE
    )


def requested(vdev: ShmemVdev, rules: Rules, name: str, existing: str) -> tuple[Status, str]:
    """The answer to a request for ``name`` while the host has the region ``existing`` (none: an empty text)."""
    registry = Registry(PROFILE)
    factory = FactoryPage(0, PROFILE)
    factory.set_name(name)
    factory.size = 1
    try:
        if existing:
            registry.create(existing, 5, creator="peer", lifetime="last-client")
        requests = Requests(vdev, "guest", factory, rules, registry, PROFILE, 4096, lambda _pages: True, list, list)
        return Status.OK, requests.open().region.name
    except RequestFailed as refusal:
        return refusal.status, ""
    finally:
        registry.close()


def noticed() -> Iterator[str]:
    """The requirements of the trials in which emulator and oracle differ."""
    rules: dict[ShmemVdev, Rules] = {}
    for vdev, name, operation, decision in trials():
        attaching = operation == "attach" and decide(ShmemVdev(()), decision.host_name, PROFILE).allowed
        if vdev not in rules:
            rules[vdev] = Rules(vdev, PROFILE)
        status, host_name = requested(vdev, rules[vdev], name, decision.host_name if attaching else "")
        if (status, host_name) != (decision.status, decision.host_name if decision.allowed else ""):
            yield statement(vdev, name, operation)


def test_without_a_fault_emulator_and_oracle_agree() -> None:
    assert len(trials()) > 500
    assert not list(noticed())


@pytest.mark.parametrize("name", [name for name in ACCESS if name not in ELSEWHERE])
def test_a_fault_of_the_rules_shows_in_the_matrix(name: str) -> None:
    injection = Injection()
    injection.inject(name)
    try:
        assert matches("access", noticed())
    finally:
        injection.clear()
