# SPDX-License-Identifier: Apache-2.0
"""``create``: regions that exist before the guest runs, in the size that the configuration gives in bytes."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from fixtures.hostside import HostProgram, HostRegions

ONE = ("create depot,0xf0000", "")
SEVERAL = ("create tiny,4096 create small,0x10000 create large,1M", "")
SEVERAL_PAGES = {"tiny": 1, "small": 16, "large": 256}


@pytest.mark.requirement("SHM-CREATE-01")
def test_a_host_program_attaches_before_any_guest_does(host_program: HostProgram, deploy: Deploy) -> None:
    """The region has no client yet, and the bytes that the host leaves are there for the guest."""
    guest, _ = deploy(*ONE)
    with host_program() as host:
        theirs = host.attach("depot")
        theirs.write(0, b"stocked")
        ours = guest.attach("depot")
        assert ours.peek(0, 7) == b"stocked"


@pytest.mark.requirement("SHM-CREATE-02")
def test_the_size_in_bytes_becomes_pages(deploy: Deploy) -> None:
    """Seen from a peer that asks for one page."""
    _, peer = deploy(*ONE)
    assert peer.attach("depot", pages=1).pages == 0xF0000 // 4096


@pytest.mark.requirement("SHM-CREATE-03")
@pytest.mark.parametrize("pages", [1, 100, 239, 241, 1000])
def test_a_guest_that_asks_for_another_size_reads_back_the_created_one(deploy: Deploy, pages: int) -> None:
    """Smaller and larger requests alike."""
    guest, _ = deploy(*ONE)
    region = guest.attach("depot", pages=pages)
    assert region.pages == 0xF0000 // 4096
    region.fill(seed=pages)
    assert region.differences(seed=pages) == 0


@pytest.mark.requirement("SHM-CREATE-04", "SHM-CREATE-02")
def test_several_create_options_make_several_regions(deploy: Deploy) -> None:
    """Each with its own size and its own bytes."""
    guest, peer = deploy(*SEVERAL)
    ours = {name: guest.attach(name, pages=1) for name in SEVERAL_PAGES}
    assert {name: region.pages for name, region in ours.items()} == SEVERAL_PAGES
    for seed, region in enumerate(ours.values()):
        region.fill(seed=seed)
    theirs = [peer.attach(name, pages=1) for name in SEVERAL_PAGES]
    assert [region.differences(seed=seed) for seed, region in enumerate(theirs)] == [0, 0, 0]


@pytest.mark.requirement("SHM-CREATE-04")
def test_the_host_lists_all_created_regions(host_regions: HostRegions, deploy: Deploy) -> None:
    """Names and sizes."""
    deploy(*SEVERAL)
    regions = host_regions()
    assert {name: regions[name].pages for name in SEVERAL_PAGES if name in regions} == SEVERAL_PAGES
