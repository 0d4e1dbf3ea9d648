# SPDX-License-Identifier: Apache-2.0
"""The names for a system against the emulator's rule engine without guests: would they show each fault of the rules?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.audit.analysis import Analysis, Device
from harness.audit.conformance.expected import Expected
from harness.audit.conformance.neighbours import neighbours
from harness.audit.conformance.suite import every_name, suite_of
from harness.audit.system import System, Vm
from harness.emulator.device.rules import Rules
from harness.emulator.faults.catalogue import catalogue
from harness.emulator.faults.injection import Injection
from harness.shmem.config import parse, shmems_of
from harness.shmem.profile import PROFILES
from harness.shmem.registers import MAX_NAME_LENGTH
from harness.shmem.status import Status
from tests.prove.test_names_notice import ELSEWHERE, requested

PROFILE = PROFILES["7.0"]
VMS = {
    "mixed": "deny pluto allow pluto* allow ab?",
    "more": "allow cam* deny cam_x allow cam_x1",
    "refusing": "deny alarm* deny log",
    "free": "",
    "renamed": "subst ,vm1- allow a* deny ab",
    "unmatched": "subst q,g- allow a* allow qq",
    "long": "allow a-name-that-is-quite-long-*end allow x*[bc]d allow *ab*ac* allow b*b",
    "many": " ".join(f"allow n{number}x" for number in range(12)),
    "parts": "subst aa,g- create aa1,0x1000 allow aa*",
    "upper": "allow Video allow [ab]c",
}


def _devices() -> Iterator[Device]:
    vms = []
    for name, options in VMS.items():
        config = parse(f"system {name}\nvdev shmem {options}\n")
        vms.append(Vm(name, name, config, shmems_of(config)))
    yield from Analysis(System(tuple(vms)), PROFILE).devices


def _answers(device: Device) -> Iterator[tuple[bytes, tuple[Status, str]]]:
    expected = Expected(device)
    names = dict.fromkeys((*every_name(neighbours(device)), *every_name(suite_of(expected.listed).items)))
    for place, name in enumerate(names):
        # Some of them: a request costs more here than in a guest.
        if len(name) <= MAX_NAME_LENGTH and place % 5 in (0, 1):
            answer = expected.answer(name)
            yield name, (answer.status, (answer.host_name or b"").decode("utf-8", "surrogateescape"))


ASKED = [(device, dict(_answers(device))) for device in _devices()]


def _different() -> bool:
    return any(
        requested(device.reach.vdev, rules, name) != wanted
        for device, names in ASKED
        for rules in [Rules(device.reach.vdev, PROFILE)]
        for name, wanted in names.items()
    )


def test_without_a_fault_the_emulator_is_as_the_audit_says() -> None:
    assert sum(len(names) for _, names in ASKED) > 5_000
    assert not _different()


@pytest.mark.parametrize(
    "name", sorted(name for name, fault in catalogue().items() if fault.group == "access" and name not in ELSEWHERE)
)
def test_a_fault_of_the_rules_shows(name: str) -> None:
    injection = Injection()
    injection.inject(name)
    try:
        assert _different()
    finally:
        injection.clear()
