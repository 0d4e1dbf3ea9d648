# SPDX-License-Identifier: Apache-2.0
"""The size register counts pages, however many there are."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest
from harness.shmem.boundaries import LARGEST_PAGES, around, page_counts, powers
from harness.shmem.registers import CONTROL_DETACH_OFFSET, PAGE_SIZE
from suites.registers.page import announced

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
LARGEST_WORD = (1 << 32) - 1
MOST_MAPPED = (1 << 16) + 1
"""Pages, 256 MiB: more takes long to map, and the guest holds a size beyond 4 GiB for a register misread."""


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
    """Around every power of two that the register holds, a region is refused, or has all pages that were asked for.

    The last page of those that a guest maps is there for a peer, too.
    """
    guest, peer, _ = deploy(*FREE)
    sizes = around(*powers(LARGEST_PAGES, LARGEST_WORD), LARGEST_WORD, least=LARGEST_PAGES + 1, most=LARGEST_WORD)
    for number, pages in enumerate(sizes):
        name = f"huge{number}"
        if pages > MOST_MAPPED:
            check_announced(guest, name, pages)
            continue
        ours = guest.request(name, pages).region
        theirs = peer.request(name).region if ours else None
        assert ours is None or ours.pages == pages, f"{pages} pages were asked for"
        if ours and theirs:
            assert theirs.pages == pages, f"a peer sees another size than {pages} pages"
            ours.poke(pages * PAGE_SIZE - 8, b"the last")
            assert theirs.peek(pages * PAGE_SIZE - 8, 8) == b"the last", f"the last of {pages} pages"
        guest.detach_all()
        peer.detach_all()


def check_announced(guest: Guest, name: str, pages: int) -> None:
    """A request for more than a guest can map, which is left again if it is granted."""
    region = announced(guest, name, pages)
    if region is not None:
        assert guest.registers().size == pages, f"{pages} pages were asked for"
        assert guest.store("phys", region.start + CONTROL_DETACH_OFFSET, 4, 1)
