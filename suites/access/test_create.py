# SPDX-License-Identifier: Apache-2.0
"""``create``: regions that exist before the guest runs, in the size that the configuration gives in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import pytest

from fixtures.access import ALLOWED, REFUSED, Access
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.hostside import HostAttach, HostRegions
from harness.shmem.boundaries import LARGEST_PAGES, around, page_counts

UNTOUCHED = ("create stock,0xf0000", "")
ONE = ("create depot,0xf0000", "")
SEVERAL = ("create tiny,4096 create small,0x10000 create large,1M", "")
SEVERAL_PAGES = {"tiny": 1, "small": 16, "large": 256}
WAYS = ("{bytes}", "{bytes:#x}", "{kilobytes}K")
EVERY_SIZE = {f"made{number}": pages for number, pages in enumerate(page_counts())}


def creates(sizes: Mapping[str, int]) -> str:
    """A ``create`` of so many pages for each name, the size written in another way each time."""
    options = zip(sizes.items(), cycle(WAYS), strict=False)
    return " ".join(
        f"create {name},{way.format(bytes=4096 * pages, kilobytes=4 * pages)}" for (name, pages), way in options
    )


@pytest.mark.requirement("SHM-CREATE-01")
def test_a_host_program_attaches_before_any_guest_does(host_attach: HostAttach, deploy: Deploy) -> None:
    """The host writes bytes before any guest has asked for the region; the first guest reads them."""
    guest, _ = deploy(*UNTOUCHED)
    host_attach("stock").write(0, b"delivered")
    assert guest.attach("stock").peek(0, 9) == b"delivered"


@pytest.mark.requirement("SHM-CREATE-02")
def test_the_size_in_bytes_becomes_pages(deploy: Deploy) -> None:
    """A peer that asks for one page gets the whole region."""
    _, peer = deploy(*ONE)
    assert peer.attach("depot", pages=1).pages == 0xF0000 // 4096


@pytest.mark.requirement("SHM-CREATE-03")
@pytest.mark.parametrize("pages", around(1, 0xF0, 256, LARGEST_PAGES, least=1, most=LARGEST_PAGES))
def test_a_guest_that_asks_for_another_size_reads_back_the_created_one(deploy: Deploy, pages: int) -> None:
    """Smaller and larger requests give the same result."""
    guest, _ = deploy(*ONE)
    region = guest.attach("depot", pages=pages)
    assert region.pages == 0xF0000 // 4096
    region.fill(seed=pages)
    assert region.differences(seed=pages) == 0


@pytest.mark.requirement("SHM-CREATE-02")
def test_every_way_to_write_a_size_counts_bytes(deploy: Deploy) -> None:
    """Sizes are decimal, hexadecimal, or have a size letter."""
    guest, _ = deploy(*SEVERAL)
    assert {name: guest.attach(name, pages=1).pages for name in SEVERAL_PAGES} == SEVERAL_PAGES


@pytest.mark.requirement("SHM-CREATE-02", "SHM-CREATE-04")
def test_every_size_around_a_power_of_two_is_made(deploy: Deploy) -> None:
    """Thirty-odd regions of one vdev, up to the largest; a peer reads the size, and finds the last page."""
    guest, peer = deploy(creates(EVERY_SIZE), "")
    for name, pages in EVERY_SIZE.items():
        ours, theirs = guest.attach(name, pages=1), peer.attach(name, pages=LARGEST_PAGES)
        assert (ours.pages, theirs.pages) == (pages, pages), name
        ours.poke(4096 * pages - 4, b"last")
        assert theirs.peek(4096 * pages - 4, 4) == b"last", name
        ours.detach()
        theirs.detach()


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param("deny dep*", marks=pytest.mark.requirement("SHM-DENY-04"), id="denied"),
        pytest.param("allow pot*", marks=pytest.mark.requirement("SHM-ALLOW-04"), id="not-allowed"),
    ],
)
def test_what_another_guest_creates_is_as_refused_as_anything(
    deploy: Deploy, access: Access, bench: Bench, rules: str
) -> None:
    """The region exists by the other guest's configuration, and only that guest can attach."""
    guest, peer = deploy(rules, "create depot,0xf0000")
    access.check(guest, {"depot": REFUSED}, operation="attach")
    theirs = peer.attach("depot")
    access.check(guest, {"depot": REFUSED}, operation="attach")
    access.check(guest, {"potential": ALLOWED})
    assert theirs.index in theirs.members()
    assert len(theirs.members()) == 1 + bench.profile.held_clients(1)


@pytest.mark.requirement("SHM-CREATE-04")
def test_several_create_options_make_several_regions(deploy: Deploy) -> None:
    """Each region has its own bytes, for the guest and for a peer."""
    guest, peer = deploy(*SEVERAL)
    for seed, region in enumerate([guest.attach(name, pages=1) for name in SEVERAL_PAGES]):
        region.fill(seed=seed)
    theirs = [peer.attach(name, pages=1) for name in SEVERAL_PAGES]
    assert [region.differences(seed=seed) for seed, region in enumerate(theirs)] == [0, 0, 0]


@pytest.mark.requirement("SHM-CREATE-04")
def test_the_host_lists_all_created_regions(host_regions: HostRegions, deploy: Deploy) -> None:
    """The list has names and sizes."""
    deploy(*SEVERAL)
    regions = host_regions()
    assert {name: regions[name].pages for name in SEVERAL_PAGES if name in regions} == SEVERAL_PAGES
