# SPDX-License-Identifier: Apache-2.0
"""The documented examples of ``vdev shmem``, written down by hand: no rule engine took part in making these tables."""

from __future__ import annotations

import pytest

from harness.shmem.config import ShmemVdev, parse, shmems_of
from harness.shmem.oracle import creations, decide
from harness.shmem.profile import PROFILES

STEMS_AND_ONE_NAME = "vdev shmem allow test* allow pluto"
DENIED_STEM_AND_NAME = "vdev shmem deny live* deny pluto"
DENIED_NAME_ALLOWED_STEM = "vdev shmem deny pluto allow pluto*"

ACCESS = [
    # configuration, name, permitted, what decides
    (STEMS_AND_ONE_NAME, "test", True, "allow test*"),
    (STEMS_AND_ONE_NAME, "test1", True, "allow test*"),
    (STEMS_AND_ONE_NAME, "testing", True, "allow test*"),
    (STEMS_AND_ONE_NAME, "pluto", True, "allow pluto"),
    (STEMS_AND_ONE_NAME, "plutoplanet", False, "deny *"),
    (STEMS_AND_ONE_NAME, "tes", False, "deny *"),
    (STEMS_AND_ONE_NAME, "atest", False, "deny *"),
    (STEMS_AND_ONE_NAME, "Test1", False, "deny *"),
    (STEMS_AND_ONE_NAME, "plut", False, "deny *"),
    (DENIED_STEM_AND_NAME, "live", False, "deny live*"),
    (DENIED_STEM_AND_NAME, "live2", False, "deny live*"),
    (DENIED_STEM_AND_NAME, "pluto", False, "deny pluto"),
    (DENIED_STEM_AND_NAME, "plutoplanet", True, "allow *"),
    (DENIED_STEM_AND_NAME, "liv", True, "allow *"),
    (DENIED_STEM_AND_NAME, "alive", True, "allow *"),
    (DENIED_STEM_AND_NAME, "test1", True, "allow *"),
    (DENIED_NAME_ALLOWED_STEM, "pluto", False, "deny pluto"),
    (DENIED_NAME_ALLOWED_STEM, "plutoplanet", True, "allow pluto*"),
    (DENIED_NAME_ALLOWED_STEM, "pluto2", True, "allow pluto*"),
    (DENIED_NAME_ALLOWED_STEM, "plut", False, "deny *"),
    (DENIED_NAME_ALLOWED_STEM, "mars", False, "deny *"),
    ("vdev shmem", "anything", True, ""),
    ("vdev shmem name shm0", "anything", True, ""),
]


def only_vdev(text: str) -> ShmemVdev:
    """The single shmem vdev of a configuration."""
    (vdev,) = shmems_of(parse(text))
    return vdev


@pytest.mark.parametrize("release", PROFILES)
@pytest.mark.parametrize(("text", "name", "permitted", "by"), ACCESS)
def test_documented_lists(text: str, name: str, permitted: bool, by: str, release: str) -> None:
    decision = decide(only_vdev(text), name, PROFILES[release])
    rule = f"{decision.rule.kind} {decision.rule.pattern}" if decision.rule else None
    assert (decision.allowed, rule or decision.implicit or "") == (permitted, by)
    assert decision.host_name == name


NAMES = [
    # configuration, the guest's name, the host's name
    ("vdev shmem subst foo,guest0", "foomem", "guest0mem"),
    ("vdev shmem subst foo,guest1", "foomem", "guest1mem"),
    ("vdev shmem subst foo,guest0", "mem", "mem"),
    ("vdev shmem subst ,guest0", "mem", "guest0mem"),
    ("vdev shmem subst ,guest1", "mem", "guest1mem"),
    ("vdev shmem subst ,guest0", "foomem", "guest0foomem"),
]


@pytest.mark.parametrize(("text", "guest_name", "host_name"), NAMES)
def test_documented_substitutions(text: str, guest_name: str, host_name: str) -> None:
    decision = decide(only_vdev(text), guest_name, PROFILES["7.0"])
    assert (decision.allowed, decision.host_name) == (True, host_name)


@pytest.mark.parametrize(
    "text", ["vdev shmem subst foo,guest0 create foomem,0xf0000", "vdev shmem subst ,guest0 create mem,0xf0000"]
)
def test_the_two_documented_ways_create_the_same_region(text: str) -> None:
    (creation,) = creations(only_vdev(text), PROFILES["7.0"])
    assert (creation.host_name, creation.pages, creation.problem) == ("guest0mem", 240, "")
