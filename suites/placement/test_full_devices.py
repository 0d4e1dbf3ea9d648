# SPDX-License-Identifier: Apache-2.0
"""A device without room for one more region: others do not hear of what it asks for then, and nothing is used up."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from harness.shmem.registers import MAX_CLIENTS
from harness.shmem.status import NO_ROOM

pytestmark = pytest.mark.only(guest_image=["probe"])

GUESTS = ("", "")
MOST = 31
"""Regions that a device is tried with; the probe keeps account of few more."""
ASKED = MAX_CLIENTS + 4
"""More often than a region has places for clients."""


def fill(guest: Guest, pages: int) -> list[Region]:
    """Attach to one region after the other until the device has no room; skips where it always has."""
    held: list[Region] = []
    for number in range(MOST):
        answer = guest.request(f"filling-{number}", pages)
        if answer.region is None:
            assert answer.status in NO_ROOM, answer.status.name
            return held
        held.append(answer.region)
    pytest.skip(f"the device has room for {MOST} regions of {pages} pages")


@pytest.mark.parametrize("pages", [2049, 4096, 1 << 16])
@pytest.mark.requirement("SHM-ISOL-06", "SHM-CTRL-02")
def test_a_region_without_room_for_it_gets_no_client(deploy: Deploy, pages: int) -> None:
    """It exists, and its only client hears nothing; who has room later gets in, as often as anybody."""
    guest, peer = deploy(*GUESTS)
    theirs = peer.attach("wanted", pages=pages)
    assert theirs.members() == {theirs.index}
    peer.listen()
    before = peer.interrupt_count().taken
    held = fill(guest, pages)
    for _ in range(ASKED):
        answer = guest.request("wanted", pages)
        assert answer.region is None
        assert answer.status in NO_ROOM, answer.status.name
    assert theirs.members() == {theirs.index}
    assert peer.interrupt_count().taken == before
    assert [region.members() for region in held] == [{region.index} for region in held]
    held[-1].detach()
    ours = guest.attach("wanted", pages=pages)
    assert ours.pages == pages
    assert ours.members() == theirs.members() == {ours.index, theirs.index}
