# SPDX-License-Identifier: Apache-2.0
"""Permissions and groups of regions, as the host shows them (release 8.0)."""

from __future__ import annotations

import pytest

from fixtures.attempts import Try
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.hostside import HostRegions
from fixtures.records import Observations
from harness.shmem.registers import FLAGS_OFFSET

pytestmark = pytest.mark.only(guest_image=["probe"])

EXECUTE = 0o111
CREATED = (
    "create plain,4096 create given,4096,0640 create programs,4096,0777 umask 022 create masked,4096"
    " create explicit,4096,0666 gid 4242 create owned,4096 gid root create rooted,4096 gid 0 create numbered,4096",
)
MODES = {"plain": 0o666, "given": 0o640, "masked": 0o644}


@pytest.mark.requirement("SHM-PERM-01")
def test_a_created_region_can_be_read_and_written_by_all(deploy: Deploy, host_regions: HostRegions) -> None:
    """Without MODE, before any umask."""
    deploy(*CREATED)
    assert host_regions()["plain"].mode == 0o666


@pytest.mark.requirement("SHM-PERM-02")
def test_mode_is_what_the_region_has(deploy: Deploy, host_regions: HostRegions) -> None:
    """Written in octal."""
    deploy(*CREATED)
    assert host_regions()["given"].mode == 0o640


@pytest.mark.requirement("SHM-PERM-03")
def test_a_umask_counts_for_what_follows(deploy: Deploy, host_regions: HostRegions, observations: Observations) -> None:
    """Not for what stands before it. An explicit MODE behind it is recorded."""
    deploy(*CREATED)
    regions = host_regions()
    assert {name: regions[name].mode for name in MODES} == MODES
    reading = {0o666: "default-only", 0o644: "always"}.get(regions["explicit"].mode or 0, "neither")
    observations.record("umask_on_mode", reading)


@pytest.mark.requirement("SHM-PERM-04")
def test_nothing_can_be_executed(deploy: Deploy, host_regions: HostRegions, bench: Bench) -> None:
    """Neither when MODE says so nor when a guest asks for it, which may be refused (``flags_unknown_bits``)."""
    (guest,) = deploy(*CREATED)
    guest.write("factory", FLAGS_OFFSET, 4, 0o777)
    granted = guest.request("asked").region is not None
    assert granted or (bench.profile.flags != "absent" and bench.profile.flags_unknown_bits == "refused")
    modes = [region.mode for region in host_regions().values()]
    assert None not in modes
    assert [mode & EXECUTE for mode in modes if mode is not None] == [0] * len(modes)


@pytest.mark.requirement("SHM-PERM-05")
def test_gid_gives_the_group(deploy: Deploy, host_regions: HostRegions) -> None:
    """Of what follows; the number and the name of a group do the same."""
    deploy(*CREATED)
    regions = host_regions()
    assert regions["owned"].group == 4242
    assert regions["masked"].group != 4242
    assert regions["rooted"].group == regions["numbered"].group == 0


@pytest.mark.requirement("SHM-PERM-06")
def test_a_group_needs_a_mode(attempt: Try) -> None:
    """An empty field is none."""
    assert attempt("vdev shmem {location} create grouped,4096,,0").status not in (None, 0)
    assert attempt("vdev shmem {location} create grouped,4096,0660,0").status is None


@pytest.mark.parametrize(("flags", "mode"), [(0o666, 0o644), (0o660, 0o640), (0o222, 0o200)])
@pytest.mark.requirement("SHM-PERM-07")
def test_umask_limits_what_a_guest_asks_for(
    deploy: Deploy, host_regions: HostRegions, bench: Bench, flags: int, mode: int
) -> None:
    """In the flags register, before the request."""
    if bench.profile.flags == "absent":
        pytest.skip(f"bench {bench.name} has no register flags")
    (guest,) = deploy(*CREATED)
    guest.write("factory", FLAGS_OFFSET, 4, flags)
    guest.attach("limited")
    assert host_regions()["limited"].mode == mode
