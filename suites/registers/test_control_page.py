# SPDX-License-Identifier: Apache-2.0
"""The control page: the client's index, the other clients, and the effects of reads."""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Region
from harness.shmem import registers as reg

FREE = ("", "", "")


@pytest.mark.requirement("SHM-CTRL-01")
def test_every_client_has_an_index_of_its_own(deploy: Deploy) -> None:
    """It is below 16, and does not change when others attach or detach, or by stores to the register."""
    guests = deploy(*FREE)
    regions = [guest.attach("numbered") for guest in guests]
    indices = [region.index for region in regions]
    assert len(set(indices)) == len(indices)
    assert all(index < reg.MAX_CLIENTS for index in indices)
    regions[0].detach()
    regions[2].store(reg.CONTROL_IDX_OFFSET, indices[1])
    assert [region.load(reg.CONTROL_IDX_OFFSET) for region in regions[1:]] == indices[1:]
    again = guests[0].attach("numbered")
    assert again.index not in indices[1:]


@pytest.mark.requirement("SHM-CTRL-02")
def test_status_has_the_bit_of_every_connected_client(deploy: Deploy) -> None:
    """Each client sees all bits, its own included, as clients attach and detach; other regions do not count."""
    guests = deploy(*FREE)
    aside = guests[0].attach("alone")
    here: list[Region] = []
    for guest in guests:
        here.append(guest.attach("roll-call"))
        assert [region.members() for region in here] == [{region.index for region in here}] * len(here)
        assert aside.members() == {aside.index}
    while len(here) > 1:
        here.pop(0).detach()
        assert [region.members() for region in here] == [{region.index for region in here}] * len(here)


@pytest.mark.requirement("SHM-CTRL-03")
def test_the_first_client_is_0_and_the_second_is_1(deploy: Deploy) -> None:
    """Index 0 goes to the first client, whichever guest that is."""
    guests = deploy(*FREE)
    for first, second in ((guests[0], guests[1]), (guests[2], guests[0])):
        pair = [guest.attach("in-order") for guest in (first, second)]
        assert [region.index for region in pair] == [0, 1]
        for region in pair:
            region.detach()


@pytest.mark.requirement("SHM-CTRL-04")
def test_reading_status_takes_the_signals_and_leaves_the_members(deploy: Deploy) -> None:
    """A read of the whole word clears the signals; a read of idx does not."""
    ours, *theirs = [guest.attach("read-twice") for guest in deploy(*FREE)]
    everybody = {region.index for region in (ours, *theirs)}
    for region in theirs:
        region.signal(ours.index)
    assert ours.load(reg.CONTROL_IDX_OFFSET) == ours.index
    first, second = ours.heard(), ours.heard()
    assert (first.pending, first.members) == ({region.index for region in theirs}, everybody)
    assert (second.pending, second.members) == (set(), everybody)


@pytest.mark.requirement("SHM-CTRL-04")
def test_a_store_to_status_takes_no_signal(deploy: Deploy) -> None:
    """Ones, zero and the sender's bit are stored; only a read clears the signals."""
    ours, *theirs = [guest.attach("stored-status") for guest in deploy(*FREE)]
    everybody = {region.index for region in (ours, *theirs)}
    ours.pending()
    for word in (0xFFFF_FFFF, 0, 1 << theirs[0].index):
        for region in theirs:
            region.signal(ours.index)
        ours.store(reg.CONTROL_STATUS_OFFSET, word)
        heard = ours.heard()
        assert (heard.pending, heard.members) == ({region.index for region in theirs}, everybody), f"after {word:#x}"
