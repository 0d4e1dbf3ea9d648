# SPDX-License-Identifier: Apache-2.0
"""Signals as their receivers read them: who sees which bit, and who sees none."""

from __future__ import annotations

import pytest

from fixtures.api import HostProgram
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from harness.shmem.registers import NOTIFY_ALL, NOTIFY_ALL_OTHERS, STATUS_PENDING_MASK

FREE = ("", "", "")


def joined(deploy: Deploy, name: str) -> list[Region]:
    """Three guests in one region, with nothing pending."""
    regions = [guest.attach(name) for guest in deploy(*FREE)]
    for region in regions:
        region.pending()
    return regions


def first_pending(guest: Guest, name: str) -> int:
    """What is pending in the first word that the guest reads when it has joined."""
    answer = guest.probe.attach(name, 1)
    assert answer.attached
    assert answer.control_status is not None
    return answer.control_status & STATUS_PENDING_MASK


@pytest.mark.requirement("SHM-NOTIF-01")
def test_the_receiver_sees_the_bit_of_the_sender(deploy: Deploy, host_program: HostProgram) -> None:
    """Every pair of guests in both directions, with indices above 1, because two clients are on the host."""
    clients = [host_program.create("pairs", 1) for _ in range(2)]
    regions = joined(deploy, "pairs")
    clients[0].detach()
    for sender in regions:
        for receiver in regions:
            if receiver is not sender:
                sender.signal(receiver.index)
                assert receiver.pending() == {sender.index}


@pytest.mark.requirement("SHM-NOTIF-01")
def test_signals_of_several_senders_are_several_bits(deploy: Deploy) -> None:
    """One read clears them all."""
    receiver, *senders = joined(deploy, "several")
    for sender in senders:
        sender.signal(receiver.index)
    assert receiver.pending() == {sender.index for sender in senders}
    assert receiver.pending() == set()


@pytest.mark.requirement("SHM-NOTIF-02")
def test_who_is_not_selected_sees_nothing(deploy: Deploy) -> None:
    """Neither the third guest nor the sender sees the signal."""
    regions = joined(deploy, "chosen")
    for sender in regions:
        receiver, bystander = (region for region in regions if region is not sender)
        sender.signal(receiver.index)
        assert bystander.pending() == set()
        assert sender.pending() == set()
        assert receiver.pending() == {sender.index}


@pytest.mark.requirement("SHM-NOTIF-03")
def test_all_ones_is_everybody_but_the_sender(deploy: Deploy) -> None:
    """This holds for every index of the sender."""
    regions = joined(deploy, "everybody")
    for sender in regions:
        sender.notify(NOTIFY_ALL_OTHERS)
        for region in regions:
            assert region.pending() == ({sender.index} if region is not sender else set())


@pytest.mark.requirement("SHM-NOTIF-03")
@pytest.mark.parametrize("left", [0, 1, 2], ids=["first", "middle", "last"])
def test_all_ones_is_everybody_where_somebody_has_left(deploy: Deploy, left: int) -> None:
    """The client that left had an index below, between or above the others'."""
    regions = joined(deploy, "gap")
    regions.pop(left).detach()
    for sender, receiver in (regions, regions[::-1]):
        sender.notify(NOTIFY_ALL_OTHERS)
        assert receiver.pending() == {sender.index}
        assert sender.pending() == set()


@pytest.mark.requirement("SHM-NOTIF-04")
def test_sixteen_ones_are_everybody_and_the_sender(deploy: Deploy) -> None:
    """The mask is that of the host's header file."""
    regions = joined(deploy, "sixteen")
    for sender in regions:
        sender.notify(NOTIFY_ALL)
        assert [region.pending() for region in regions] == [{sender.index}] * len(regions)


@pytest.mark.requirement("SHM-NOTIF-06")
def test_repeated_signals_are_one_bit(deploy: Deploy) -> None:
    """A signal is no counter; the next one after a read is a bit again."""
    ours, theirs, _ = joined(deploy, "repeated")
    for _ in range(2):
        for _ in range(5):
            theirs.signal(ours.index)
        assert ours.pending() == {theirs.index}
        assert ours.pending() == set()


@pytest.mark.requirement("SHM-NOTIF-07")
def test_a_signal_to_nobody_is_not_kept(deploy: Deploy) -> None:
    """All indices are signalled, also the unused ones; a client that attaches later finds nothing pending."""
    first, second, third = deploy(*FREE)
    ours, theirs = first.attach("nobody"), second.attach("nobody")
    for word in (NOTIFY_ALL, NOTIFY_ALL_OTHERS, 1 << 2, 1 << 5):
        ours.notify(word)
    assert theirs.pending() == {ours.index}
    assert first_pending(third, "nobody") == 0


@pytest.mark.requirement("SHM-NOTIF-02")
def test_signals_that_were_not_read_end_with_the_connection(deploy: Deploy) -> None:
    """The next client finds nothing pending, whether it is the same guest or another one."""
    ours, *leaving = joined(deploy, "inherited")
    for region in leaving:
        ours.signal(region.index)
        region.detach()
    assert [first_pending(region.guest, "inherited") for region in reversed(leaving)] == [0, 0]


@pytest.mark.requirement("SHM-NOTIF-01", "SHM-CTRL-04")
def test_a_signal_outlives_the_connection_of_its_sender(deploy: Deploy) -> None:
    """Only a read takes it: who has signalled before leaving is still named, although it is no member any more."""
    ours, *leaving = joined(deploy, "farewell")
    for region in leaving:
        region.signal(ours.index)
        region.detach()
    heard = ours.heard()
    assert (heard.pending, heard.members) == ({region.index for region in leaving}, {ours.index})
    assert ours.pending() == set()


@pytest.mark.requirement("SHM-NOTIF-11")
def test_signals_stay_in_their_region(deploy: Deploy) -> None:
    """The same guests are in two regions, with the same indices."""
    guests = deploy(*FREE)
    here, there = ([guest.attach(name) for guest in guests] for name in ("here", "there"))
    for region in (*here, *there):
        region.pending()
    here[0].notify(NOTIFY_ALL_OTHERS)
    here[1].signal(here[0].index)
    assert [region.pending() for region in there] == [set(), set(), set()]
    assert here[0].pending() == {here[1].index}
    assert here[2].pending() == {here[0].index}


@pytest.mark.requirement("SHM-NOTIF-01")
def test_no_signal_is_lost_between_reads_that_follow_each_other(deploy: Deploy) -> None:
    """Reads between the signals return each of them once, for every sender."""
    receiver, *senders = joined(deploy, "conserved")
    for number in range(30):
        sender = senders[number % len(senders)]
        sender.signal(receiver.index)
        assert receiver.pending() == {sender.index}
        assert receiver.pending() == set()
