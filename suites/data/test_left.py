# SPDX-License-Identifier: Apache-2.0
"""A guest that has left a region cannot read it any more; the regions that it stays in are unchanged."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest
from harness.shmem.boundaries import LARGEST_PAGES, around, powers
from harness.shmem.registers import PAGE_SIZE

pytestmark = pytest.mark.usefixtures("takes_any_access")

SECRETS = (0x1EF7_BE41_4D00_0001, 0x1EF7_BE41_4D00_0002, 0x1EF7_BE41_4D00_0003)
PAGES = 4
SIZES = (1, 64, 8, 128)
WRITTEN = 200
ANY = (1, 2, 17, 300, 1024, 1030, *around(LARGEST_PAGES, least=1, most=1 << 16), 3 * LARGEST_PAGES, 16_385, 65_537)
"""Pages of regions: up to what fits behind a control page into 16 MiB, and a little more than 64 and 256 MiB."""


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


def some_pages(pages: int) -> list[int]:
    """The first, the last, and those around every power of two."""
    return sorted({0, pages - 1, *around(*powers(1, pages), least=0, most=pages - 1)})


@pytest.mark.only(guest_image=["probe"])
@pytest.mark.requirement("SHM-ISOL-04")
def test_no_page_of_a_region_of_any_size_stays(deploy: Deploy) -> None:
    """Nor is a page another one. The guest looks where the region was. A device may have no room for larger ones."""
    guest, peer = deploy("", "")
    for pages in ANY:
        theirs = peer.request(f"all-of-{pages}", pages).region
        ours = guest.request(f"all-of-{pages}", pages).region
        if theirs and ours and ours.pages == pages:
            places = {number * PAGE_SIZE: SECRETS[0] + number for number in some_pages(pages)}
            for place, mark in places.items():
                theirs.poke(place, mark.to_bytes(8, "little"))
            seen = {place: int.from_bytes(ours.peek(place, 8), "little") for place in places}
            assert seen == places, f"{pages} pages"
            first = ours.address + PAGE_SIZE
            ours.detach()
            stayed = [place for place, mark in places.items() if guest.load("phys", first + place, 8) == mark]
            assert not stayed, f"of {pages} pages the one at {stayed[0]:#x} is there after the detach"
        for region in (*peer.attached, *guest.attached):
            region.detach()


def write_everywhere(guest: Guest, random: Random) -> None:
    """Into a region, behind it, where the guest has left one, and where it never had one."""
    kept, left = (guest.attach(f"{name} of {guest.name}", PAGES) for name in ("kept", "left"))
    left.detach()
    windows = guest.windows()
    chosen = random.choices(windows, [len(window) for window in windows], k=WRITTEN)
    places = [random.choice(window[::PAGE_SIZE]) for window in chosen]
    places += [region.address + PAGE_SIZE * page for region in (kept, left) for page in range(1, 2 * PAGES)]
    # A store to a page of registers has no effect: the first eight bytes can only be read.
    for place in places:
        guest.store("phys", place, 8, SECRETS[0])
    assert guest.pages_in_window_with(SECRETS[0]) > PAGES


@pytest.mark.only(guest_image=["probe"])
@pytest.mark.requirement("SHM-ISOL-01", "SHM-ISOL-04")
def test_a_guest_finds_nothing_that_an_earlier_one_wrote(deploy: Deploy) -> None:
    """Wherever in its window: in a region, behind it, where it has left one, and where it never had one."""
    written: list[range] = []
    for number, earlier in enumerate(deploy("", "")):
        write_everywhere(earlier, Random(number))
        written += earlier.windows()
    # Any of the next ones may be given what it had, at the same addresses if it is not known at which others.
    for later in deploy("allow later", "allow other"):
        assert later.pages_in_window_with(SECRETS[0], also=written) == 0, later.name
