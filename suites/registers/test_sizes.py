# SPDX-License-Identifier: Apache-2.0
"""The size register counts pages, however many there are."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from harness.shmem.boundaries import page_counts
from harness.shmem.registers import PAGE_SIZE

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")


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
