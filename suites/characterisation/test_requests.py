# SPDX-License-Identifier: Apache-2.0
"""Requests, where the documents leave open how they are answered. Nothing is judged."""

from __future__ import annotations

import pytest

from fixtures.attempts import Try
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from fixtures.hostside import HostRegions
from fixtures.records import Observations
from harness.shmem import registers as reg
from harness.shmem.status import Status
from suites.characterisation.experiments import is_there

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.one_placement, pytest.mark.every_release]

FREE = ("", "", "")
TWO_DEVICES = (("", ""), "")
DENIED_CREATE = "deny depot create depot,8192"
CREATING = ("create slotted,8192", "")


@pytest.mark.requirement("SHM-CREATE-06", "SHM-OPEN-10")
def test_create_of_a_name_that_the_rules_refuse(
    deploy: Deploy, attempt: Try, bench: Bench, observations: Observations
) -> None:
    """Whether qvm starts, whether the region is there, whether the guest may use it."""
    tried = attempt(f"vdev shmem {{location}} {DENIED_CREATE}")
    if tried.status is not None:
        observations.record("create_vs_rules", "obey")
        observations.record("what qvm says of it", tried.messages.strip())
        return
    guest, peer = deploy(DENIED_CREATE, "")
    answer = guest.request("depot")
    observations.record("the guest that creates a name it is denied", answer.status.name)
    observations.record("the region is there", is_there(bench, peer, "depot", 2))
    observations.record("create_vs_rules", "bypass" if answer.region is None else "implies-allow")


@pytest.mark.requirement("SHM-OPEN-11", "SHM-OPEN-12")
def test_create_and_its_client_index_and_size(deploy: Deploy, attempt: Try, observations: Observations) -> None:
    """Who is in a created region, and what a create with another size, with no whole pages or with nothing does."""
    guest, _ = deploy(*CREATING)
    members = guest.attach("slotted", 2).members()
    observations.record("members of a created region that one guest attaches", sorted(members))
    observations.record("create_slot", "free" if len(members) == 1 else "held")
    tried = attempt("vdev shmem {location} create slotted,4096")
    observations.record("create_existing", "keep" if tried.status is None else "rejected")
    tried = attempt("vdev shmem {location} create odd,5000")
    observations.record("create_rounding", "up" if tried.status is None else "rejected")
    tried = attempt("vdev shmem {location} create nothing,0")
    observations.record("a create of 0 bytes", "the guest runs" if tried.status is None else "rejected")


@pytest.mark.requirement("SHM-OPEN-12")
def test_other_sizes(deploy: Deploy, observations: Observations) -> None:
    """Fewer and more pages than the region has, and none at all."""
    guest, peer, _ = deploy(*FREE)
    theirs = peer.attach("sized", 4)
    for asked in (2, 6):
        answer = guest.request("sized", asked)
        pages = answer.region.pages if answer.region else 0
        observations.record(f"{asked} pages of a region of 4", f"{answer.status.name}, {pages} pages")
        together = len(theirs.members()) > 1
        reading = "refused" if answer.region is None else "attach" if together else "separate"
        observations.record("size_mismatch", reading)
        if answer.region:
            answer.region.detach()
    there, fresh = guest.request("sized", 0), guest.request("fresh", 0)
    observations.record("0 pages of a region of 4", there.status.name)
    observations.record("0 pages of none", fresh.status.name)
    reading = "one-page" if fresh.region else "attach-only" if there.region else "refused"
    observations.record("size_zero", reading)


def again(first: Region, second: Region | None, peer: Region) -> str:
    """The results of a second request for the same region, for the guest and for the peer."""
    if second is None:
        return "refused"
    return "second-connection" if second.index in peer.members() - {first.index} else "same-connection"


@pytest.mark.requirement("SHM-LIFE-07", "SHM-OPEN-24", "SHM-OPEN-33")
def test_a_second_request_for_the_same_region(deploy: Deploy, observations: Observations) -> None:
    """On the same vdev with the name written again, with the store to size alone, and on another vdev."""
    guest, peer = deploy(*TWO_DEVICES)
    theirs, first = peer.attach("twice"), guest.attach("twice")
    second = guest.request("twice")
    observations.record("second request", f"{second.status.name}, indices {first.index}, {_index(second.region)}")
    observations.record("members that the peer sees", sorted(theirs.members()))
    observations.record("double_attach", again(first, second.region, theirs))
    other = guest.request("twice", vdev=1)
    observations.record("double_attach_other_vdev", again(first, other.region, theirs))
    guest.select(0)
    guest.write("factory", reg.SIZE_OFFSET, 4, 1)
    registers = guest.registers()
    members = theirs.members()
    observations.record(
        "the store to size alone", f"{Status(registers.status).name}, members {sorted(members)}, {registers.size} pages"
    )
    if registers.status == Status.OK and registers.shmem not in {region.address for region in guest.attached}:
        guest.write("phys", registers.shmem + reg.CONTROL_DETACH_OFFSET, 4, 1)


def _index(region: Region | None) -> str:
    return str(region.index) if region else "none"


@pytest.mark.requirement("SHM-FIND-02", "SHM-OPEN-27")
def test_find(deploy: Deploy, observations: Observations) -> None:
    """The host has three regions; the guest is connected to two, and the name register holds a name."""
    guest, peer, _ = deploy(*FREE)
    peer.attach("find-2", 3)
    for number in (0, 1):
        guest.attach(f"find-{number}", 1 + number)
    guest.request("")
    guest.probe.set_name("find-1")
    seen = [_find(guest, number) for number in range(4)]
    for number, (status, size, name) in enumerate(seen):
        observations.record(f"find {number}", f"{status.name}, size {size}, name {name!r}")
    readings = {
        (Status.ILLEGAL_NAME, 1): "absent",
        (Status.OK, 1): "own-connections",
        (Status.OK, 2): "by-name",
        (Status.OK, 3): "host-regions",
    }
    status, size, _ = seen[0]
    reading = "host-regions" if status == Status.DOES_NOT_EXIST else readings.get((status, size), "none that is known")
    observations.record("find", reading)
    if reading == "by-name":
        guest.probe.set_name("find-2")
        found, _, _ = _find(guest, 0)
        observations.record("find_attaches", "attaches" if found == Status.OK else "loads-registers")


def _find(guest: Guest, number: int) -> tuple[Status, int, str]:
    guest.write("factory", reg.FIND_OFFSET, 4, number)
    registers = guest.registers()
    return Status(registers.status), registers.size, registers.name.partition(b"\0")[0].decode("latin-1")


@pytest.mark.requirement("SHM-OPEN-15")
def test_flags(deploy: Deploy, host_regions: HostRegions, observations: Observations) -> None:
    """The value of the register, its effect on the region, and on clients that attach later."""
    guest, peer, _ = deploy(*FREE)
    guest.write("factory", reg.FLAGS_OFFSET, 4, 0o600)
    read = guest.read("factory", reg.FLAGS_OFFSET, 4)
    guest.attach("flagged")
    mode = host_regions()["flagged"].mode
    observations.record("flags 0600 read back as", oct(read))
    observations.record("permissions of the region", oct(mode or 0))
    if mode != 0o600:
        observations.record("flags", "absent")
        return
    observations.record("flags_access", "read-write" if read == 0o600 else "write-only")
    peer.write("factory", reg.FLAGS_OFFSET, 4, 0o666)
    attached = peer.request("flagged").status
    observations.record("flags", "creation" if attached == Status.OK else "creation-and-attach")
    guest.write("factory", reg.FLAGS_OFFSET, 4, 0xFFFF_F000 | 0o666)
    unknown = guest.request("unknown-bits").status
    observations.record("flags_unknown_bits", "ignored" if unknown == Status.OK else "refused")
    guest.write("factory", reg.FLAGS_OFFSET, 4, 0)
    guest.attach("no-flags")
    none = host_regions()["no-flags"].mode
    observations.record("flags_zero", "default-mode" if none == 0o666 else "no-permissions")


@pytest.mark.requirement("SHM-OPEN-28")
def test_what_the_host_shows(deploy: Deploy, host_regions: HostRegions, observations: Observations) -> None:
    """A region that a guest has made, and one that create has made."""
    guest, _ = deploy(*CREATING)
    guest.attach("made", 3)
    for name, region in sorted(host_regions().items()):
        mode = "unknown" if region.mode is None else oct(region.mode)
        observations.record(f"region {name!r}", f"{region.pages} pages, mode {mode}, clients {dict(region.clients)}")
