# SPDX-License-Identifier: Apache-2.0
"""The function's configuration space as PCI 3.0 has it, in every state of its interrupt and at every width."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

import pytest

from fixtures.api import PageAccess, conclude, judged
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from harness.shmem.profile import Profile
from harness.shmem.registers import (
    PAGE_SIZE,
    PCI_BARS,
    PCI_COMMAND,
    PCI_COMMAND_MEMORY,
    PCI_COMMAND_NO_PIN,
    PCI_STATUS,
    PCI_STATUS_INTERRUPT,
)

pytestmark = [pytest.mark.only(guest_image=["probe"], placement=["pci"]), pytest.mark.drawn]

FREE: Final = ("", "", "")
SIZE: Final = 0x100
PLACES: Final = range(0x60)
"""The header, and capabilities behind it."""
RESERVED: Final = 0b0100_0111
"""Bits of the status register that read zero (section 6.2.3)."""
HAS_CAPABILITIES: Final = 1 << 4
CAPABILITIES: Final = 0x34
PIN: Final = 0x3D
MESSAGES: Final = 0x05
"""Identifier of the capability of message-signalled interrupts (appendix H)."""
ONES: Final = 0xFFFF_FFFF
TURNS: Final = 12
ROUNDS: Final = 3


class Function:
    """The function of a guest's first device, and one region that a peer signals it in."""

    def __init__(self, guest: Guest, peer: Guest, profile: Profile) -> None:
        self.guest = guest
        self.profile = profile
        self.number = guest.device(0)
        self._ours, self._theirs = guest.attach("configured"), peer.attach("configured")
        self._ours.pending()
        self.unread = False

    def load(self, at: int, width: int) -> int:
        """One load."""
        return self.guest.probe.load_configuration(self.number, at, width)

    def store(self, at: int, width: int, value: int) -> None:
        """One store."""
        self.guest.probe.store_configuration(self.number, at, width, value)

    def by(self, width: int, places: range) -> bytes:
        """The bytes there, in loads of one width."""
        loads = self.guest.probe.access_configuration(
            self.number, [PageAccess(at, width) for at in range(places.start, places.stop, width)]
        )
        return b"".join(value.to_bytes(width, "little") for value in loads)

    def signal(self) -> None:
        """Leave a change unread."""
        self._theirs.signal(self._ours.index)
        self.unread = True

    def read(self) -> None:
        """Take what is unread."""
        self._ours.pending()
        self.unread = False

    def switch(self, pin_off: bool) -> None:
        """Switch the pin off or on."""
        command = self.load(PCI_COMMAND, 2) & ~PCI_COMMAND_NO_PIN | PCI_COMMAND_NO_PIN * pin_off
        self.store(PCI_COMMAND, 2, command)

    def capabilities(self) -> list[int]:
        """Identifiers of the list of capabilities; fails for a list that is none."""
        found: dict[int, int] = {}
        at = self.load(CAPABILITIES, 1)
        while at:
            assert at % 4 == 0, f"a capability at {at:#x}"
            assert 0x40 <= at < SIZE, f"a capability at {at:#x}"
            assert at not in found, f"the list of capabilities goes round at {at:#x}"
            found[at] = self.load(at, 1)
            at = self.load(at + 1, 1)
        return list(found.values())


@pytest.fixture(params=range(ROUNDS))
def states(request: pytest.FixtureRequest, deploy: Deploy, bench: Bench) -> Iterator[Iterator[tuple[Function, str]]]:
    """The function in one state after the other, with the state in words."""
    guest, peer, _ = deploy(*FREE)
    function, random = Function(guest, peer, bench.profile), Random(f"{request.function.__name__} {request.param}")

    def draw() -> Iterator[tuple[Function, str]]:
        for turn in range(TURNS):
            if turn:
                random.choice((function.signal, function.read))()
            off = random.random() < 0.5
            function.switch(off)
            yield function, f"pin {'off' if off else 'on'}, {'a' if function.unread else 'no'} change unread"

    yield draw()
    function.switch(pin_off=False)


@pytest.mark.requirement("SHM-PCI-01")
def test_loads_of_any_width_see_the_same_bytes(states: Iterator[tuple[Function, str]]) -> None:
    """And the bytes are the same in each state, but for the two registers that tell of it."""
    first = b""

    def wrong() -> Iterator[str]:
        nonlocal first
        for function, state in states:
            seen = {width: function.by(width, PLACES) for width in (1, 2, 4)}
            judged()
            first = first or seen[1]
            apart = [at for at in PLACES if len({one[at] for one in seen.values()}) > 1]
            if apart:
                yield f"{state}: loads of different widths differ at {[hex(at) for at in apart]}"
            told = range(PCI_COMMAND, PCI_STATUS + 2)
            changed = [at for at in PLACES if at not in told and seen[1][at] != first[at]]
            if changed:
                yield f"{state}: bytes have changed at {[hex(at) for at in changed]}"

    conclude(list(wrong()))


@pytest.mark.requirement("SHM-PCI-01", "SHM-PCI-03")
def test_status_tells_of_what_is_unread(states: Iterator[tuple[Function, str]]) -> None:
    """A function with a pin says whether its interrupt is pending, whether or not the pin is on (section 6.2.3).

    Whether the device has that bit is open (``pci_interrupt_status``).
    """

    def wrong() -> Iterator[str]:
        for function, state in states:
            status = function.load(PCI_STATUS, 2)
            shown = function.profile.pci_interrupt_status == "shown" and function.load(PIN, 1) > 0
            due = PCI_STATUS_INTERRUPT if shown and function.unread else 0
            listed = HAS_CAPABILITIES if function.load(CAPABILITIES, 1) else 0
            judged()
            if status & (RESERVED | PCI_STATUS_INTERRUPT | HAS_CAPABILITIES) != due | listed:
                yield f"{state}: status is {status:#06x}"

    conclude(list(wrong()))


@pytest.mark.requirement("SHM-PCI-03")
def test_messages_are_a_capability_where_the_profile_says_so(deploy: Deploy, bench: Bench) -> None:
    """The list of capabilities is one (section 6.7), and has the messages or not (``pci_msi``)."""
    guest, peer, _ = deploy(*FREE)
    function = Function(guest, peer, bench.profile)
    assert (MESSAGES in function.capabilities()) == (bench.profile.pci_msi == "present")


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("SHM-PCI-01", "SHM-PCI-02", "SHM-CTRL-05")
def test_registers_of_addresses_have_the_bits_of_their_sizes(deploy: Deploy, bench: Bench, number: int) -> None:
    """Whatever is stored to them, in any order, while the function takes no accesses (section 6.2.5.1).

    Those that the function has not read zero. Afterwards its pages are where its registers say.
    """
    guest, peer = deploy("", "")
    random, function = Random(f"addresses {number}"), Function(guest, peer, bench.profile)
    (pci,) = [device.pci for device in guest.devices() if device.pci]
    first, command = {at: function.load(at, 4) for at in PCI_BARS}, function.load(PCI_COMMAND, 2)
    masks, kinds = dict.fromkeys(PCI_BARS, 0), dict.fromkeys(PCI_BARS, 0)
    for bar in pci.bars:
        at, mask = PCI_BARS[bar.bar], -bar.size & (1 << 64) - 1
        masks[at], kinds[at] = mask & ONES, first[at] & 0xF
        if bar.wide:
            masks[at + 4] = mask >> 32
    wrong = []
    function.store(PCI_COMMAND, 2, command & ~PCI_COMMAND_MEMORY)
    try:
        for at in random.choices(PCI_BARS, k=4 * TURNS):
            function.store(at, 4, stored := random.choice((ONES, 0, random.getrandbits(32), first[at] | 0x10)))
            seen = function.load(at, 4)
            judged()
            if seen != stored & masks[at] | kinds[at]:
                wrong.append(f"{stored:#x} stored at {at:#x}: {seen:#x}, the size is {-masks[at] & ONES:#x}")
        for at in random.sample(PCI_BARS, len(PCI_BARS)):
            # What lies below the size is no part of the address; a register that is not there takes nothing.
            function.store(at, 4, first[at] & masks[at] | random.getrandbits(32) & ~masks[at])
    finally:
        function.store(PCI_COMMAND, 2, command)
    conclude([*wrong, *_elsewhere(guest, peer)])
    assert {at: function.load(at, 4) for at in PCI_BARS} == first


def _elsewhere(guest: Guest, peer: Guest) -> Iterator[str]:
    """Regions of the guest that are not what its peer sees."""
    for name in ("afterwards", "and again"):
        ours, theirs = guest.attach(name), peer.attach(name)
        judged()
        if not _same(ours, theirs):
            yield f"region {name!r} at {ours.address:#x} is not that of {peer.name}"


def _same(ours: Region, theirs: Region) -> bool:
    mark = bytes(range(64))
    ours.poke(PAGE_SIZE - len(mark), mark)
    return theirs.peek(PAGE_SIZE - len(mark), len(mark)) == mark and ours.members() == theirs.members()
