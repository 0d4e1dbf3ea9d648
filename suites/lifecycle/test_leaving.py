# SPDX-License-Identifier: Apache-2.0
"""Leaving a region and coming back."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy

FREE = ("", "", "")


@pytest.mark.parametrize("value", [0, 1, 0x8000_0000, 0xFFFF_FFFF])
@pytest.mark.requirement("SHM-LIFE-01")
def test_a_store_of_any_value_to_detach_leaves(deploy: Deploy, value: int) -> None:
    """All others see it, and only that client's bit goes."""
    regions = [guest.attach("left") for guest in deploy(*FREE)]
    leaving = regions.pop(1)
    leaving.detach(value)
    assert [region.members() for region in regions] == [{region.index for region in regions}] * len(regions)


@pytest.mark.requirement("SHM-LIFE-01")
def test_leaving_one_region_leaves_the_others(deploy: Deploy) -> None:
    """A guest with three connections gives up the second."""
    guest, peer, _ = deploy(*FREE)
    ours = [guest.attach(f"kept{number}") for number in range(3)]
    theirs = [peer.attach(f"kept{number}") for number in range(3)]
    ours[1].detach()
    assert [len(region.members()) for region in theirs] == [2, 1, 2]
    ours[2].fill(seed=4)
    assert theirs[2].differences(seed=4) == 0


@pytest.mark.requirement("SHM-LIFE-02")
def test_who_has_left_can_come_back(deploy: Deploy) -> None:
    """Again and again; the data that the others keep is there."""
    guest, peer, _ = deploy(*FREE)
    theirs = peer.attach("revolving", pages=2)
    theirs.fill(seed=9)
    for _ in range(10):
        ours = guest.attach("revolving", pages=2)
        assert theirs.members() == {theirs.index, ours.index}
        assert ours.differences(seed=9) == 0
        ours.detach()
        assert theirs.members() == {theirs.index}


@pytest.mark.requirement("SHM-LIFE-05")
def test_what_the_others_keep_does_not_change_when_one_leaves(deploy: Deploy) -> None:
    """Their bytes, their indices, and their signals to each other; also when the one who leaves was the first."""
    first, *others = [guest.attach("survivors", pages=8) for guest in deploy(*FREE)]
    first.fill(seed=3)
    before = [region.index for region in others]
    first.detach()
    assert [region.differences(seed=3) for region in others] == [0, 0]
    assert [region.heard().members for region in others] == [set(before), set(before)]
    others[0].signal(others[1].index)
    assert others[1].pending() == {others[0].index}
    others[0].fill(seed=4)
    assert others[1].differences(seed=4) == 0
