# SPDX-License-Identifier: Apache-2.0
"""A guest that has left a region cannot read it any more; the regions that it stays in are unchanged."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy

SECRETS = (0x1EF7_BE41_4D00_0001, 0x1EF7_BE41_4D00_0002, 0x1EF7_BE41_4D00_0003)
PAGES = 4
SIZES = (1, 64, 8, 128)


@pytest.mark.requirement("SHM-ISOL-04")
def test_a_guest_that_left_finds_nothing(deploy: Deploy) -> None:
    """The guest leaves three regions one by one, the middle one first; the peer stays, and its bytes stay."""
    guest, peer = deploy("", "")
    names = ("left-first", "left-second", "left-third")
    theirs = [peer.attach(name, pages=PAGES) for name in names]
    for region, secret in zip(theirs, SECRETS, strict=True):
        region.mark_pages(secret)
    ours = [guest.attach(name, pages=PAGES) for name in names]
    expected = dict.fromkeys(SECRETS, PAGES)
    for number in (1, 0, 2):
        assert {secret: guest.pages_in_window_with(secret) for secret in SECRETS} == expected
        ours[number].detach()
        expected[SECRETS[number]] = 0
    assert {secret: guest.pages_in_window_with(secret) for secret in SECRETS} == expected
    assert [peer.pages_in_window_with(secret) for secret in SECRETS] == [PAGES] * len(SECRETS)


@pytest.mark.only(guest_image=["probe"])
@pytest.mark.requirement("SHM-ISOL-04")
def test_a_larger_region_in_the_place_of_a_smaller_one_goes_as_a_whole(deploy: Deploy) -> None:
    """One region after the other, each of another size; the guest has had none before, and the peer stays in all."""
    guest, peer = deploy("allow size*", "")
    for pages in SIZES:
        peer.attach(f"size{pages}", pages=pages).mark_pages(SECRETS[0])
        ours = guest.attach(f"size{pages}")
        assert guest.pages_in_window_with(SECRETS[0]) == pages
        ours.detach()
        assert guest.pages_in_window_with(SECRETS[0]) == 0, f"after a region of {pages} pages"
