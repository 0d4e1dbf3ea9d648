# SPDX-License-Identifier: Apache-2.0
"""What a region holds before anybody has written to it."""

from __future__ import annotations

import zlib

import pytest

from fixtures.bench import Bench
from fixtures.deployment import Deploy
from harness.shmem.registers import PAGE_SIZE

pytestmark = pytest.mark.only(guest_image=["probe"])

PAGES = 2


@pytest.mark.requirement("SHM-PROF-06")
def test_a_new_region_holds_zeros(deploy: Deploy, bench: Bench) -> None:
    """Made by a request, made again under the same name after everybody had left, and made by ``create``.

    Where a region stays when everybody has left, it is not made again.
    """
    if bench.profile.new_content != "zeroed":
        pytest.skip(
            f"the profile of bench {bench.name} does not promise it: new_content is {bench.profile.new_content}"
        )
    guest, peer = deploy(f"create stocked,{PAGES * PAGE_SIZE:#x}", "")
    nothing = zlib.crc32(bytes(PAGES * PAGE_SIZE))
    assert guest.attach("stocked", pages=PAGES).checksum() == nothing
    region = guest.attach("fresh", pages=PAGES)
    assert region.checksum() == nothing
    region.fill(seed=9)
    region.detach()
    again = peer.attach("fresh", pages=PAGES)
    if bench.profile.region_lifetime == "last-client":
        assert again.checksum() == nothing
    else:
        # Nothing new: the region has stayed, with what was written.
        assert again.differences(seed=9) == 0
