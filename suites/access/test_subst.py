# SPDX-License-Identifier: Apache-2.0
"""``subst``: the guest's name and the host's name of one region.

A peer without ``subst`` uses host-side names, so it can tell which name a region has; where the host lists its regions,
that is asked too.
"""

from __future__ import annotations

import pytest

from fixtures.api import HostProgram
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.hostside import HostRegions
from harness.shmem import registers as reg
from harness.shmem.status import Status

# Rules do not depend on the placement: the examples of the manual are tried in both, these details in one.
pytestmark = pytest.mark.one_placement

PREFIX = ("subst ,guest0", "")
STEM = ("subst foo,guest0", "")
STEM_AND_CREATE = ("subst foo,guest0 create foomem,0xf0000", "")
BETWEEN_CREATES = ("create foo1,0x2000 subst foo,guest0 create foo2,0x3000", "")


@pytest.mark.requirement("SHM-SUBST-01")
def test_a_prefix_is_put_before_the_guests_name(deploy: Deploy) -> None:
    """The peer meets the guest under the prefixed name, and not under the plain one."""
    guest, peer = deploy(*PREFIX)
    ours = guest.attach("mem")
    ours.fill(seed=11)
    meeting, other = peer.attach("guest0mem"), peer.attach("mem")
    assert meeting.members() == {ours.index, meeting.index}
    assert meeting.differences(seed=11) == 0
    assert other.members() == {other.index}


@pytest.mark.requirement("SHM-SUBST-01")
def test_the_host_lists_the_prefixed_name(host_regions: HostRegions, deploy: Deploy) -> None:
    """There is one more region, with that name."""
    guest, _ = deploy(*PREFIX)
    before = host_regions()
    guest.attach("mem", pages=5)
    after = host_regions()
    assert {name: region.pages for name, region in after.items() if name not in before} == {"guest0mem": 5}


@pytest.mark.requirement("SHM-SUBST-02")
def test_a_stem_at_the_beginning_is_replaced(deploy: Deploy) -> None:
    """The peer meets the guest under the name with the stem replaced."""
    guest, peer = deploy(*STEM)
    ours = guest.attach("foomem")
    ours.fill(seed=12)
    theirs = peer.attach("guest0mem")
    assert theirs.members() == {ours.index, theirs.index}
    assert theirs.differences(seed=12) == 0


@pytest.mark.requirement("SHM-SUBST-05")
def test_a_create_after_the_substitution_is_translated(deploy: Deploy, bench: Bench) -> None:
    """The region is there under the translated name, in its size, before the guest has done anything."""
    guest, peer = deploy(*STEM_AND_CREATE)
    theirs = peer.attach("guest0mem", pages=1)
    assert theirs.pages == 0xF0000 // 4096
    ours = guest.attach("foomem", pages=1)
    assert {theirs.index, ours.index} <= theirs.members()
    assert len(theirs.members()) == 2 + bench.profile.held_clients(1)


@pytest.mark.requirement("SHM-SUBST-05")
def test_the_host_lists_the_translated_create(host_regions: HostRegions, deploy: Deploy) -> None:
    """The region has the host-side name, not the one in the configuration."""
    deploy(*STEM_AND_CREATE)
    regions = host_regions()
    assert regions["guest0mem"].pages == 0xF0000 // 4096
    assert "foomem" not in regions


@pytest.mark.requirement("SHM-SUBST-01")
@pytest.mark.only(guest_image=["probe"])
def test_the_name_of_a_failed_request_is_translated_once(deploy: Deploy, host_program: HostProgram) -> None:
    """The region is full. After a client has left, the guest stores the size again, and the name has not changed."""
    guest, _ = deploy(*PREFIX)
    clients = [host_program.create("guest0busy", 1) for _ in range(reg.MAX_CLIENTS)]
    assert guest.request("busy").status == Status.CLIENT_MAX
    clients[5].detach()
    guest.write("factory", reg.SIZE_OFFSET, 4, 1)
    registers = guest.registers()
    assert registers.status == Status.OK
    members = clients[0].status() >> reg.STATUS_MEMBERS_SHIFT
    guest.write("phys", registers.shmem + reg.CONTROL_DETACH_OFFSET, 4, 1)
    assert members == (1 << reg.MAX_CLIENTS) - 1, "the guest is in another region"


@pytest.mark.requirement("SHM-SUBST-05")
def test_a_substitution_counts_for_every_create_after_it(deploy: Deploy, bench: Bench) -> None:
    """It counts also when the vdev has a create before it, whose name the documents leave open."""
    guest, peer = deploy(*BETWEEN_CREATES)
    theirs = peer.attach("guest02", pages=1)
    assert theirs.pages == 3
    ours = guest.attach("foo2", pages=1)
    assert {theirs.index, ours.index} <= theirs.members()
    assert len(theirs.members()) == 2 + bench.profile.held_clients(1)
