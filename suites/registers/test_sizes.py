# SPDX-License-Identifier: Apache-2.0
"""The size register counts pages, however many there are."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from harness.shmem.registers import PAGE_SIZE

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
SIZES = (1, 255, 256, 257, 511, 1000, 4095)
"""Around what fits into a byte, and up to the most that the embedded device gives out."""


@pytest.mark.requirement("SHM-FACT-05")
@pytest.mark.parametrize("pages", SIZES)
def test_the_size_is_the_regions_page_count(deploy: Deploy, pages: int) -> None:
    """This holds for the creator and for a guest that asks for another size; both can use the last page."""
    guest, peer, _ = deploy(*FREE)
    ours, theirs = guest.attach("measured", pages=pages), peer.attach("measured", pages=3)
    assert (ours.pages, theirs.pages) == (pages, pages)
    ours.poke(pages * PAGE_SIZE - 8, b"the last")
    assert theirs.peek(pages * PAGE_SIZE - 8, 8) == b"the last"
