# SPDX-License-Identifier: Apache-2.0
"""Regions end where they end: in time, and in the memory of each guest."""

from __future__ import annotations

import pytest

from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from fixtures.settings import Setting, devices_of_a_guest
from harness.shmem.registers import PAGE_SIZE
from harness.shmem.status import NO_ROOM

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.usefixtures("takes_any_access")]

SECRET = 0x0DD5_EC2E_70DD_5EC2
DEVICES = 2
SIZES = (8, 5000)
"""Pages: of the largest region that every device has room for, and of one that a device may show somewhere else."""


@pytest.fixture
def guests(deploy: Deploy, bench: Bench, setting: Setting) -> tuple[Guest, Guest]:
    """A guest with several devices, where the setting has them, and a peer."""
    guest, peer = deploy(("",) * devices_of_a_guest(bench.config, setting, DEVICES), "")
    return guest, peer


def shared(guest: Guest, peer: Guest, pages: int) -> list[tuple[Region, Region]]:
    """Each device of the guest is in a region of its own with the peer.

    Skips where one has no room for the size, which it has to say, and by which nobody loses a region.
    """
    names = [f"border{vdev}" for vdev in range(len(guest.vdevs))]
    theirs = [peer.request(name, pages) for name in names]
    ours = [guest.request(name, pages, vdev=vdev) for vdev, name in enumerate(names)]
    both = list(zip(ours, theirs, strict=True))
    pairs = [(one.region, other.region) for one, other in both if one.region and other.region]
    if len(pairs) < len(names):
        assert pages != SIZES[0], f"{pages} pages are refused"
        for one, other in both:
            held = [answer.region for answer in (one, other) if answer.region]
            assert all(region.members() == {each.index for each in held} for region in held)
            for answer in (one, other):
                assert answer.region or answer.status in NO_ROOM, answer.status.name
        pytest.skip(f"not each device has room for a region of {pages} pages")
    return pairs


@pytest.mark.parametrize("pages", SIZES)
@pytest.mark.requirement("SHM-ISOL-01")
def test_after_detach_the_guest_sees_no_byte_of_the_region(guests: tuple[Guest, Guest], pages: int) -> None:
    """Neither what was there when it left nor what the others write afterwards, whichever device it was."""
    guest, peer = guests
    pairs = shared(guest, peer, pages)
    for number, (ours, theirs) in enumerate(pairs):
        secret = SECRET + 2 * number
        theirs.mark_pages(secret)
        assert guest.pages_in_window_with(secret) == pages, "the search itself does not find"
        ours.detach()
        assert guest.pages_in_window_with(secret) == 0
        theirs.mark_pages(secret + 1)
        assert guest.pages_in_window_with(secret + 1) == 0


@pytest.mark.parametrize("pages", SIZES)
@pytest.mark.requirement("SHM-ISOL-02")
def test_after_detach_stores_reach_nobody(guests: tuple[Guest, Guest], pages: int) -> None:
    """To the data and to the control page of the place where a region was; a fault is as good as nothing."""
    guest, peer = guests
    pairs = shared(guest, peer, pages)
    for ours, theirs in pairs:
        theirs.fill(seed=8)
        ours.detach()
        theirs.pending()
        for page in (0, 1, 2, pages // 2, pages - 1, pages):
            for offset in (0x0, 0x8, 0xC):
                guest.store("phys", ours.address + page * PAGE_SIZE + offset, 4, 0xFFFF_FFFF)
        assert theirs.differences(seed=8) == 0
        heard = theirs.heard()
        assert (heard.pending, heard.members) == (set(), {theirs.index})


@pytest.mark.requirement("SHM-ISOL-01")
def test_a_connection_shows_its_own_region_and_no_other(deploy: Deploy) -> None:
    """A guest in a small region, beside others' larger ones that were made before and after it."""
    guest, peer, _ = deploy("", "", "")
    peer.attach("before", pages=32).mark_pages(SECRET)
    ours = guest.attach("own", pages=2)
    peer.attach("after", pages=32).mark_pages(SECRET)
    assert guest.pages_in_window_with(SECRET) == 0
    peer.attach("own").mark_pages(SECRET)
    assert guest.pages_in_window_with(SECRET) == ours.pages
