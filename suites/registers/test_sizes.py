# SPDX-License-Identifier: Apache-2.0
"""The size register counts pages, however many there are."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from harness.shmem.boundaries import LARGEST_PAGES, around, page_counts, powers
from harness.shmem.registers import PAGE_SIZE
from harness.shmem.status import Status

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
LARGEST_WORD = (1 << 32) - 1


@pytest.mark.requirement("SHM-FACT-05")
def test_the_size_is_the_regions_page_count(deploy: Deploy) -> None:
    """Around every power of two, up to the largest, for the one who makes the region and for one who asks for another
    size; the last page is there for both."""
    guest, peer, _ = deploy(*FREE)
    for number, pages in enumerate(page_counts()):
        ours = guest.attach(f"measured{number}", pages=pages)
        theirs = peer.attach(f"measured{number}", pages=page_counts()[-1 - number])
        assert (ours.pages, theirs.pages) == (pages, pages)
        ours.poke(pages * PAGE_SIZE - 8, b"the last")
        assert theirs.peek(pages * PAGE_SIZE - 8, 8) == b"the last", f"the last of {pages} pages"
        ours.detach()
        theirs.detach()


@pytest.mark.requirement("SHM-FACT-05")
def test_a_size_is_never_cut(deploy: Deploy) -> None:
    """Around every power of two that the register holds, a region is refused, or has all pages that were asked for."""
    guest, *_ = deploy(*FREE)
    sizes = around(*powers(LARGEST_PAGES, LARGEST_WORD), LARGEST_WORD, least=LARGEST_PAGES + 1, most=LARGEST_WORD)
    for number, pages in enumerate(sizes):
        answer = guest.request(f"huge{number}", pages=pages)
        assert answer.status != Status.OK or guest.registers().size == pages, f"{pages} pages were asked for"
        guest.detach_all()
