# SPDX-License-Identifier: Apache-2.0
"""Lines that a driver requests as shared and level: the pin of a PCI function, a line of a device in memory.

On such a line an interrupt may come that no change stands behind; the driver disowns it. All others are as many as the
changes of the status word.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region, Work
from fixtures.running.senders import wait_senders
from fixtures.settings import Setting
from harness.shmem.registers import PCI_COMMAND, PCI_COMMAND_NO_PIN

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
MESSAGES = 1000
# A line that is raised again although it was read is disowned about as often as it is owned.
SPURIOUS = MESSAGES // 20
# Longest time that an interrupt may take; it is only waited for when one is missing.
SECONDS = 20.0
FEW = 10
# A line that is left unread is raised again from time to time.
CALM_SECONDS = 0.5
TURNS = 40
PAGES = 2
# Offsets and widths of stores to the configuration space that have this bit.
WITH_PIN_OFF = ((PCI_COMMAND + 1, 1), (PCI_COMMAND, 2), (PCI_COMMAND, 4))
PIECES = 9
# Of the speed before; the figures themselves are measured in suites/performance.
SLOWEST = 0.3


def check_exchange(asking: Region, serving: Region) -> None:
    """Every message is answered, each by one interrupt that its driver takes for its own.

    Interrupts that were pending before the guest enabled them have arrived by then, and do not count.
    """
    before = [region.guest.interrupt_count() for region in (asking, serving)]
    serving.guest.probe.irq_serve(MESSAGES, handle=serving.handle)
    trips = asking.guest.probe.pingpong(serving.index, MESSAGES, handle=asking.handle)
    assert (trips.lost, trips.timing.count) == (False, MESSAGES)
    for earlier, region, peer in zip(before, (asking, serving), (serving, asking), strict=True):
        count = region.guest.interrupt_count()
        changes = count.region(region.handle).from_sender(peer.index)
        assert (count.owned - earlier.owned, changes) == (MESSAGES, MESSAGES), region.guest.name
        assert count.disowned <= SPURIOUS, region.guest.name


def listen_by_line(setting: Setting, *guests: Guest) -> None:
    """Take interrupts by the pin or line; skips the test where a guest of the bench cannot."""
    if not all(guest.can_listen("pin") for guest in guests):
        pytest.skip(f"guests of {setting.bench} cannot receive their interrupt by pin or line")


def quiet(regions: list[Region]) -> None:
    """Make sure that no guest has an unread change."""
    for region in regions:
        region.pending()


@pytest.mark.requirement("SHM-PCI-03", "SHM-NOTIF-05")
@pytest.mark.only(placement=["pci"])
def test_a_thousand_messages_by_the_pin(deploy: Deploy, setting: Setting) -> None:
    """The pin is used also where message-signalled interrupts are available."""
    guests = deploy(*FREE)[:2]
    regions = [guest.attach("pins") for guest in guests]
    quiet(regions)
    listen_by_line(setting, *guests)
    check_exchange(*regions)


@pytest.mark.requirement("SHM-PCI-03", "SHM-CTRL-05")
@pytest.mark.only(placement=["pci"])
def test_data_is_memory_as_before_when_the_pin_has_told(deploy: Deploy, setting: Setting) -> None:
    """Reads and writes of a region beside private memory, before and after: each access as a message of its own takes a
    thousand times as long."""
    guest, peer, _ = deploy(*FREE)
    ours, theirs = guest.attach("swift", pages=PAGES), peer.attach("swift")
    works: tuple[Work, ...] = ("read", "write")

    def beside_private() -> list[float]:
        speeds = [ours.speeds(work, block=4096, piece=PAGES * 4096, count=PIECES) for work in works]
        return [speed.region / speed.private for speed in speeds]

    before = beside_private()
    ours.pending()
    listen_by_line(setting, guest)
    for _ in range(FEW):
        theirs.signal(ours.index)
        assert guest.wait_interrupts(SECONDS).interrupts == 1
    for work, earlier, now in zip(works, before, beside_private(), strict=True):
        assert now > SLOWEST * earlier, f"{work}: {now:.3g} of private memory's speed, {earlier:.3g} before"


@pytest.mark.requirement("SHM-NOTIF-05")
@pytest.mark.only(placement=["mmio"])
def test_a_thousand_messages_by_a_level_line(deploy: Deploy, bench: Bench) -> None:
    """Needs a bench with a ``trigger``; the guest has as many devices as are needed for a level line."""
    vdev = next((number for number, location in enumerate(bench.config.mmio) if location.trigger == "level"), None)
    if vdev is None:
        pytest.skip(f"guests of {bench.name} are told of no level line")
    guests = deploy(("",) * (vdev + 1), ("",) * (vdev + 1))
    regions = [guest.attach("levels", vdev=vdev) for guest in guests]
    quiet(regions)
    for guest in guests:
        guest.listen("pin", vdev=vdev)
    check_exchange(*regions)


@pytest.mark.requirement("SHM-PCI-03", "SHM-NOTIF-05")
@pytest.mark.only(placement=["pci"])
def test_the_pin_is_silent_while_its_bit_says_so(deploy: Deploy, bench: Bench, setting: Setting) -> None:
    """Bit 10 of the command register, in stores of any width that has it (PCI 3.0, section 6.2.2).

    A command of all ones, as the vendor's sample writes it, switches the pin off or leaves it (``pci_pin_off``).

    What came in the meantime and was not read interrupts the guest when the pin is on again, and nothing else does.
    """
    guest, peer = deploy("", "")
    ours, theirs = guest.attach("on-and-off"), peer.attach("on-and-off")
    quiet([ours])
    listen_by_line(setting, guest)
    random, function = Random("pin"), guest.device(0)

    def switch(off: bool, offset: int, width: int) -> None:
        """The upper half of the word is the status register, where zeros change nothing."""
        command = (
            guest.probe.load_configuration(function, PCI_COMMAND, 2) & ~PCI_COMMAND_NO_PIN | PCI_COMMAND_NO_PIN * off
        )
        guest.probe.store_configuration(function, offset, width, command >> 8 * (offset - PCI_COMMAND))

    def check(off: bool, width: int) -> None:
        taken = guest.interrupt_count().taken
        theirs.signal(ours.index)
        if off:
            assert guest.interrupt_count().taken == taken, f"off by {width} bytes"
            if random.random() < 0.5:
                assert ours.pending() == {theirs.index}
        else:
            assert guest.wait_interrupts(SECONDS).senders(ours.handle) == 1 << theirs.index, f"on by {width} bytes"

    off = unread = False
    try:
        for _ in range(TURNS):
            if random.random() < 0.4:
                width = random.choice((2, 4))
                guest.probe.store_configuration(function, PCI_COMMAND, width, (1 << 8 * width) - 1)
                off |= bench.profile.pci_pin_off == "bit-10"
            else:
                off, (offset, width) = random.random() < 0.5, random.choice(WITH_PIN_OFF)
                switch(off, offset, width)
            if unread and not off:
                # What is due comes now, or never where it was an edge.
                guest.wait_interrupts(CALM_SECONDS)
                unread = False
            if random.random() < 0.7:
                check(off, width)
                unread |= off
        guest.check_disowned()
    finally:
        # The guests are those of the next test, too.
        switch(False, PCI_COMMAND, 2)


def come_and_go(
    random: Random, guest: Guest, peer: Guest, leaving: int = 1, read: Callable[[Region], object] = Region.pending
) -> None:
    """Signals, reads, comings and goings in three regions; then some are left with a change unread, the others read.

    Each has a last signal. The guest leaves so many regions, with all of them those that it could read something in. It
    reads ``status`` by ``read``, the last time too.
    """
    names = ("one", "two", "three")
    held = {(who, name): who.attach(name) for name in names for who in (guest, peer)}
    for _ in range(TURNS):
        name, who = random.choice(names), random.choice((guest, peer))
        match random.randrange(4):
            case 0:
                read(held[guest, name])
            case 1:
                held[who, name].detach()
                held[who, name] = who.attach(name)
            case _:
                held[peer, name].signal(held[guest, name].index)
    for number, name in enumerate(random.sample(names, len(names))):
        held[peer, name].signal(held[guest, name].index)
        if random.random() < 0.5:
            held[peer, name].detach()
        if number < leaving:
            held[guest, name].detach()
        else:
            read(held[guest, name])


def interrupts_due(setting: Setting, guest: Guest) -> int:
    """The guest listens by its line from now on: how many interrupts come without a new change."""
    listen_by_line(setting, guest)
    guest.wait_interrupts(CALM_SECONDS)
    return guest.interrupt_count().taken


def _of_others(deploy: Deploy, setting: Setting) -> int:
    """The same on the line of a guest that has no region."""
    guest, _ = deploy("allow nothing", "")
    return interrupts_due(setting, guest)


@pytest.mark.requirement("SHM-NOTIF-10")
@pytest.mark.parametrize("leaving", range(4), ids="leaving {}".format)
def test_what_was_read_or_left_interrupts_nobody(deploy: Deploy, setting: Setting, leaving: int) -> None:
    """The guest takes interrupts from then on; the next signal is the first one that means something."""
    guest, peer = deploy("", "")
    come_and_go(Random(leaving), guest, peer, leaving)
    taken = interrupts_due(setting, guest)
    if taken > 1:
        assert taken <= 1 + 2 * _of_others(deploy, setting), f"{taken} interrupts for nothing"
        pytest.skip(f"guests of {setting.bench} have another device on that line")
    ours, theirs = guest.attach("after"), peer.attach("after")
    ours.pending()
    theirs.signal(ours.index)
    assert wait_senders(ours, 1 << theirs.index, SECONDS) == 1 << theirs.index
