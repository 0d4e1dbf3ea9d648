# SPDX-License-Identifier: Apache-2.0
"""The control page by loads and stores of 1, 2, 4 and 8 bytes, where the profile of the bench says what they do."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest, Heard, Region, indices, mask
from fixtures.settings import Setting
from harness.shmem import registers as reg
from suites.notification.test_wired_lines import SECONDS, come_and_go, interrupts_due

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.usefixtures("any_width")]

FREE = ("", "", "")
WIDTHS = (1, 2, 4, 8)
EACH = 8
STATUS, IDX, NOTIFY, DETACH = (
    reg.CONTROL_STATUS_OFFSET,
    reg.CONTROL_IDX_OFFSET,
    reg.CONTROL_NOTIFY_OFFSET,
    reg.CONTROL_DETACH_OFFSET,
)
# What the processor lets out on every architecture: aligned ones.
LOADS = [(offset, width) for width in WIDTHS for offset in range(STATUS, NOTIFY, width)]
NARROW = [(width, part) for width in (1, 2) for part in range(0, 4, width)]


def joined(guests: Iterable[Guest], name: str) -> list[Region]:
    """The guests in one region, with nothing pending."""
    regions = [guest.attach(name) for guest in guests]
    for region in regions:
        region.pending()
    return regions


@pytest.mark.requirement("SHM-PROF-05")
def test_loads_of_status_and_idx(deploy: Deploy) -> None:
    """In any order, each returns its bytes of the two registers, and clears the signals if it touches ``status``."""
    theirs, ours, third = joined(deploy(*FREE), "loads")
    members = mask([theirs.index, ours.index, third.index]) << reg.STATUS_MEMBERS_SHIFT
    assert ours.index, "an index of 0 would look like nothing"
    random, pending = Random("loads"), 0
    for offset, width in random.sample(LOADS * EACH, k=len(LOADS) * EACH):
        for peer in random.sample((theirs, third), k=random.choice((0, 0, 1, 2))):
            peer.signal(ours.index)
            pending |= 1 << peer.index
        page = (members | pending).to_bytes(4, "little") + ours.index.to_bytes(4, "little")
        seen = ours.load(offset, width).to_bytes(width, "little")
        assert seen == page[offset : offset + width], f"{width} bytes at {offset:#x}, pending {pending:#x}"
        if offset < IDX:
            pending = 0
    assert ours.pending() == indices(pending)


@pytest.mark.requirement("SHM-PROF-05", "SHM-NOTIF-10")
@pytest.mark.parametrize("width", WIDTHS, ids="{} bytes".format)
def test_a_load_of_any_width_withdraws_the_interrupt(deploy: Deploy, setting: Setting, width: int) -> None:
    """As many interrupts come then, after one history, where the guest reads by drawn loads of that width alone.

    One may come whoever reads: an edge from before that a controller has kept.
    """
    guest, peer = deploy("", "")
    loads = [offset for offset, wide in LOADS if wide == width and offset < IDX]
    chosen = Random(width)
    due: list[int] = []
    for read in (Region.pending, lambda region: region.load(chosen.choice(loads), width)):
        come_and_go(Random(width), guest, peer, read=read)
        due.append(interrupts_due(setting, guest))
        for one in (guest, peer):
            one.settle(SECONDS)
    usual, by_width = due
    assert by_width <= usual


@pytest.mark.requirement("SHM-PROF-05")
def test_narrow_stores_to_notify_signal_nobody(deploy: Deploy) -> None:
    """Ones are stored to each part of the register; a store to the whole register then signals."""
    guest, peer, _ = deploy(*FREE)
    ours, theirs = joined([guest, peer], "narrow-signals")
    for width, part in NARROW:
        ours.store(NOTIFY + part, (1 << 8 * width) - 1, width)
        assert theirs.pending() == set(), f"{width} bytes at {NOTIFY + part:#x}"
    ours.store(NOTIFY, mask([theirs.index]))
    assert theirs.pending() == {ours.index}


@pytest.mark.requirement("SHM-PROF-05")
def test_narrow_stores_to_detach_leave(deploy: Deploy) -> None:
    """A store to any part of the register is enough."""
    guest, peer, _ = deploy(*FREE)
    theirs = peer.attach("narrow-leaving")
    for width, part in NARROW:
        ours = guest.attach("narrow-leaving")
        ours.store(DETACH + part, 0, width)
        assert theirs.members() == {theirs.index}, f"{width} bytes at {DETACH + part:#x}"
        ours.forget()


@pytest.mark.requirement("SHM-PROF-05", "SHM-LIFE-01")
def test_stores_of_eight_bytes(deploy: Deploy) -> None:
    """Over the two registers that are read only, nothing; over the other two, drawn signals, and the sender is gone."""
    guest, *peers = deploy(*FREE)
    random = Random("wide stores")
    one, other = joined(peers, "wide-stores")
    for number in range(EACH):
        ours = guest.attach("wide-stores")
        for peer in (one, other):
            peer.pending()
        ours.store(STATUS, random.choice((0, (1 << 64) - 1)), 8)
        nothing = Heard(set(), {ours.index, one.index, other.index})
        assert ([client.heard() for client in (ours, one, other)], ours.load(IDX)) == ([nothing] * 3, ours.index)
        chosen = [peer for peer in (one, other) if random.random() < 0.5] if number else []
        # To detach, any value will do.
        value = random.choice((0, 1, (1 << 32) - 1))
        ours.store(NOTIFY, mask(peer.index for peer in chosen) | value << 32, 8)
        ours.forget()
        for peer in (one, other):
            last, said = peer.heard(), f"{len(chosen)} signals, {value:#x}"
            assert last.members == {one.index, other.index}, said
            assert last.pending == ({ours.index} if peer in chosen else set()), said
