# SPDX-License-Identifier: Apache-2.0
"""Interrupts: one for each change of a guest's status word, none for anything else, none lost.

That nothing comes is never waited for: later events are counted, and every interrupt has to have one of them as its
reason. The guests' handler is a driver's: it reads ``status`` of every region of its device, once, and disowns the
interrupt when there is neither a pending bit nor another set of members.
"""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region, mask
from fixtures.records import Metrics
from fixtures.running.senders import wait_senders
from fixtures.settings import Setting
from harness.shmem.registers import CONTROL_IDX_OFFSET, NOTIFY_ALL_OTHERS

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
MESSAGES = 1000
# Longest time that an interrupt may take; it is only waited for when one is missing.
SECONDS = 20.0
FEW = 50


def listening(deploy: Deploy, name: str) -> tuple[list[Guest], list[Region]]:
    """Three guests that listen and are in one region, each with all its interrupts taken."""
    guests: list[Guest] = []
    regions: list[Region] = []
    for guest in deploy(*FREE):
        regions.append(guest.attach(name))
        guest.listen()
        for earlier in guests:
            # Not all at the end: a change that comes before the one before it is read interrupts with it. That it comes
            # is a requirement of its own.
            earlier.wait_interrupts(SECONDS)
        guests.append(guest)
    return guests, regions


def exchange(asking: Region, serving: Region, rounds: int) -> None:
    """Messages by interrupt, each answered by interrupt; not one of them may be lost."""
    serving.guest.probe.irq_serve(rounds, handle=serving.handle)
    trips = asking.guest.probe.pingpong(serving.index, rounds, handle=asking.handle)
    assert (trips.lost, trips.timing.count) == (False, rounds)


@pytest.mark.requirement("SHM-NOTIF-05")
def test_each_selected_guest_is_interrupted(deploy: Deploy) -> None:
    """One at a time, then two at once; the senders are those that the status word names."""
    guests, regions = listening(deploy, "selected")
    for sender in range(3):
        for receiver in (number for number in range(3) if number != sender):
            regions[sender].signal(regions[receiver].index)
            waited = guests[receiver].wait_interrupts(SECONDS)
            assert waited.interrupts == 1
            assert waited.senders(regions[receiver].handle) == 1 << regions[sender].index
    regions[0].notify(NOTIFY_ALL_OTHERS)
    assert [guest.wait_interrupts(SECONDS).interrupts for guest in guests[1:]] == [1, 1]
    for guest in guests:
        guest.check_disowned()


def check_interrupts(guests: list[Guest], regions: list[Region], members: set[int]) -> None:
    """Each of the first two guests takes one interrupt, and its handler finds this set of members."""
    for guest, region in zip(guests[:2], regions[:2], strict=True):
        waited = guest.wait_interrupts(SECONDS)
        assert (waited.interrupts, waited.senders(region.handle)) == (1, 0)
        assert {item.members for item in waited.pending} == {mask(members)}
        guest.check_disowned()


@pytest.mark.requirement("SHM-NOTIF-08")
def test_those_who_are_there_are_interrupted_when_one_comes(deploy: Deploy) -> None:
    """Each time, every guest takes one interrupt."""
    guests, regions = listening(deploy, "come")
    stay = {region.index for region in regions[:2]}
    for _ in range(3):
        regions[2].detach()
        for guest in guests[:2]:
            guest.wait_interrupts(SECONDS)
        regions[2] = guests[2].attach("come")
        check_interrupts(guests, regions, stay | {regions[2].index})


@pytest.mark.requirement("SHM-NOTIF-08")
def test_those_with_higher_indices_are_interrupted_when_one_comes_back(deploy: Deploy) -> None:
    """Each of the guests leaves and comes again, the first one too, whose index is below those of the others."""
    guests, regions = listening(deploy, "come-back")
    for number, guest in enumerate(guests):
        stay = [other for other in range(3) if other != number]
        regions[number].detach()
        for other in stay:
            guests[other].wait_interrupts(SECONDS)
        regions[number] = guest.attach("come-back")
        members = {region.index for region in regions}
        check_interrupts([guests[other] for other in stay], [regions[other] for other in stay], members)


@pytest.mark.requirement("SHM-NOTIF-09")
def test_those_who_remain_are_interrupted_when_one_goes(deploy: Deploy) -> None:
    """Each time, every guest takes one interrupt."""
    guests, regions = listening(deploy, "go")
    stay = {region.index for region in regions[:2]}
    for _ in range(3):
        regions[2].detach()
        check_interrupts(guests, regions, stay)
        regions[2] = guests[2].attach("go")
        for guest in guests[:2]:
            guest.wait_interrupts(SECONDS)


@pytest.mark.requirement("SHM-NOTIF-10")
def test_after_status_is_read_no_further_interrupt_comes(deploy: Deploy) -> None:
    """One signal, and then other events, each of which is counted: the interrupts are exactly as many."""
    guests, regions = listening(deploy, "once")
    before = [guest.interrupt_count().owned for guest in guests]
    regions[1].signal(regions[0].index)
    assert guests[0].wait_interrupts(SECONDS).interrupts == 1
    exchange(regions[0], regions[2], FEW)
    regions[2].detach()
    assert guests[0].wait_interrupts(SECONDS, FEW + 1).interrupts == FEW + 1
    guests[1].wait_interrupts(SECONDS)
    owned = [guest.interrupt_count().owned - was for guest, was in zip(guests, before, strict=True)]
    # The first: signal, answers, one that left. The second: one that left. The third: questions.
    assert owned == [1 + FEW + 1, 1, FEW]
    for guest in guests:
        guest.check_disowned()


@pytest.mark.requirement("SHM-NOTIF-02")
def test_a_guest_that_nobody_means_is_not_interrupted(deploy: Deploy) -> None:
    """Two others exchange messages next to it; then one signal is for it, and is its only interrupt."""
    guests, regions = listening(deploy, "bystander")
    before = guests[2].interrupt_count().owned
    exchange(regions[0], regions[1], FEW)
    regions[0].signal(regions[2].index)
    waited = guests[2].wait_interrupts(SECONDS)
    assert (waited.interrupts, waited.senders(regions[2].handle)) == (1, 1 << regions[0].index)
    assert guests[2].interrupt_count().owned - before == 1
    guests[2].check_disowned()


@pytest.mark.requirement("SHM-NOTIF-11")
def test_events_in_another_region_interrupt_nobody_here(deploy: Deploy) -> None:
    """Two guests exchange messages in a region of their own; the third is a member of another one with each of them."""
    guests, regions = listening(deploy, "common")
    others = [guest.attach("private") for guest in guests[:2]]
    before = [guest.interrupt_count() for guest in guests]
    exchange(others[0], others[1], FEW)
    regions[0].signal(regions[2].index)
    assert guests[2].wait_interrupts(SECONDS).interrupts == 1
    after = [guest.interrupt_count() for guest in guests]
    assert after[2].owned - before[2].owned == 1
    guests[2].check_disowned()
    assert [after[number].region(regions[number].handle).signals for number in (0, 1)] == [(), ()]


@pytest.mark.requirement("SHM-NOTIF-06")
def test_signals_before_a_read_are_one_change(deploy: Deploy) -> None:
    """Five signals are sent before the guest enables interrupts; the later events are counted."""
    guests, regions = listening(deploy, "merged")
    guests[0].probe.irq_off()
    for _ in range(5):
        regions[1].signal(regions[0].index)
    assert regions[0].pending() == {regions[1].index}
    guests[0].listen()
    exchange(regions[0], regions[1], FEW)
    count = guests[0].interrupt_count()
    # By message, one more where the controller has kept the interrupt of the signals that were read without a handler.
    assert count.owned == FEW
    assert count.disowned <= 1 or guests[0].line != "message"


@pytest.mark.quiet
@pytest.mark.requirement("SHM-NOTIF-10", "SHM-PERF-04")
def test_a_thousand_messages_by_interrupt(deploy: Deploy, metrics: Metrics) -> None:
    """Each guest owns exactly as many interrupts as its status word has changed; the times are recorded."""
    guests, regions = listening(deploy, "messages")
    asking, serving = regions[:2]
    before = [guest.interrupt_count() for guest in guests]
    serving.guest.probe.irq_serve(MESSAGES, handle=serving.handle)
    trips = asking.guest.probe.pingpong(serving.index, MESSAGES, handle=asking.handle)
    assert (trips.lost, trips.timing.count) == (False, MESSAGES)
    regions[2].signal(asking.index, serving.index)
    for guest in guests[:2]:
        guest.wait_interrupts(SECONDS, MESSAGES + 1)
    after = [guest.interrupt_count() for guest in guests]
    for number, region in enumerate(regions[:2]):
        owned = after[number].owned - before[number].owned
        peer = regions[1 - number].index
        signals = after[number].region(region.handle).from_sender(peer)
        assert (owned, signals) == (MESSAGES + 1, MESSAGES), region.guest.name
        region.guest.check_disowned()
    read = asking.guest.probe.timed("control", CONTROL_IDX_OFFSET, 4, MESSAGES, handle=asking.handle)
    for name, value in (("median", trips.timing.median_ns), ("p99", trips.timing.p99_ns)):
        metrics.record(
            name=f"notify round trip, {name}",
            unit="us",
            value=value / 1000,
            reference=read.median_ns / 1000,
            better="lower",
        )


@pytest.mark.requirement("SHM-PCI-03")
@pytest.mark.only(placement=["pci"])
def test_the_message_that_pci_offers_comes(deploy: Deploy, setting: Setting) -> None:
    """This needs message-signalled interrupts; the pin has separate tests."""
    guests = deploy(*FREE)[:2]
    regions = []
    for guest in guests:
        regions.append(guest.attach("wired"))
        if not guest.can_listen("message"):
            pytest.skip(f"guests of {setting.bench} cannot receive their interrupt by message")
    guests[0].wait_interrupts(SECONDS)
    exchange(regions[0], regions[1], FEW)
    counts = [guest.interrupt_count() for guest in guests]
    assert [count.owned for count in counts] == [FEW + 1, FEW]


@pytest.mark.requirement("SHM-NOTIF-05")
def test_a_guest_is_interrupted_by_one_device_while_it_leaves_another_unread(deploy: Deploy) -> None:
    """Two devices, and a signal for each; the guest listens to one of them, and reads the other one at the end."""
    guest, peer = deploy(("", ""), "")
    ours = [guest.attach(f"beside{vdev}", vdev=vdev) for vdev in (0, 1)]
    theirs = [peer.attach(f"beside{vdev}") for vdev in (0, 1)]
    for listening_to in (0, 1):
        for region in ours:
            region.pending()
        guest.listen(vdev=listening_to)
        for vdev in (1 - listening_to, listening_to):
            theirs[vdev].signal(ours[vdev].index)
        sender = 1 << theirs[listening_to].index
        assert wait_senders(ours[listening_to], sender, SECONDS) == sender
        assert ours[1 - listening_to].pending() == {theirs[1 - listening_to].index}
        guest.probe.irq_off()
