# SPDX-License-Identifier: Apache-2.0
"""Regions end where they end: in time, and in the memory of each guest."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
SECRET = 0x0DD5_EC2E_70DD_5EC2


@pytest.mark.requirement("SHM-ISOL-01")
def test_after_detach_the_guest_sees_no_byte_of_the_region(deploy: Deploy) -> None:
    """Neither what was there when it left nor what the others write afterwards."""
    guest, peer, _ = deploy(*FREE)
    ours, theirs = guest.attach("left-behind", pages=8), peer.attach("left-behind")
    theirs.mark_pages(SECRET)
    assert guest.pages_in_window_with(SECRET) == 8, "the search itself does not find"
    ours.detach()
    assert guest.pages_in_window_with(SECRET) == 0
    theirs.mark_pages(SECRET + 1)
    assert guest.pages_in_window_with(SECRET + 1) == 0


@pytest.mark.requirement("SHM-ISOL-02")
def test_after_detach_stores_reach_nobody(deploy: Deploy) -> None:
    """To the data and to the control page of the place where the region was; a fault is as good as nothing."""
    guest, peer, _ = deploy(*FREE)
    ours, theirs = guest.attach("left-alone", pages=4), peer.attach("left-alone")
    theirs.fill(seed=8)
    ours.detach()
    theirs.pending()
    for page in range(5):
        for offset in (0x0, 0x8, 0xC):
            guest.store("phys", ours.address + page * 4096 + offset, 4, 0xFFFF_FFFF)
    assert theirs.differences(seed=8) == 0
    heard = theirs.heard()
    assert (heard.pending, heard.members) == (set(), {theirs.index})


@pytest.mark.requirement("SHM-ISOL-01")
def test_a_connection_shows_its_own_region_and_no_other(deploy: Deploy) -> None:
    """A guest in a small region, beside others' larger ones that were made before and after it."""
    guest, peer, _ = deploy(*FREE)
    peer.attach("before", pages=32).mark_pages(SECRET)
    ours = guest.attach("own", pages=2)
    peer.attach("after", pages=32).mark_pages(SECRET)
    assert guest.pages_in_window_with(SECRET) == 0
    peer.attach("own").mark_pages(SECRET)
    assert guest.pages_in_window_with(SECRET) == ours.pages
