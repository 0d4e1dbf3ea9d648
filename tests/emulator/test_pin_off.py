# SPDX-License-Identifier: Apache-2.0
"""What switches the pin of a PCI function off (profile field ``pci_pin_off``)."""

from __future__ import annotations

import asyncio

import pytest

from harness.emulator.device.pci_config import COMMAND
from harness.emulator.vfio_user.wire import PciRegion
from harness.shmem import registers as reg
from harness.shmem.profile import Profile
from tests.emulator.devices import Bench, bench

_MEMORY, _ONES, _PIN_OFF = 0x0002, 0xFFFF, 0x0402


class _CountedLine:
    repeat_after = 60.0

    def __init__(self) -> None:
        self.pulses = 0

    def pulse(self) -> None:
        self.pulses += 1


async def _told(host: Bench) -> list[tuple[int, bool]]:
    """What the register reads after each command, and whether the pin tells of an event then."""
    guest, peer = host.device(), host.device(system="two")
    line = guest.device.interrupt.line = _CountedLine()
    guest.request("talk")
    found = []
    for command in (_MEMORY, _ONES, _PIN_OFF, _ONES, _MEMORY):
        guest.function.write(PciRegion.CONFIG, COMMAND, command.to_bytes(2, "little"))
        line.pulses = 0
        peer.request("talk")
        found.append((int.from_bytes(guest.function.read(PciRegion.CONFIG, COMMAND, 2), "little"), line.pulses > 0))
        guest.control(reg.CONTROL_STATUS_OFFSET)
        peer.detach()
        guest.control(reg.CONTROL_STATUS_OFFSET)
    return found


async def _pulses_of_a_change(host: Bench) -> list[int]:
    """Pulses for a change that is not read: at once, when the pin has been off and on, and for one while it is off."""
    guest, peer = host.device(), host.device(system="two")
    line = guest.device.interrupt.line = _CountedLine()
    guest.request("talk")
    peer.request("talk")
    counts = [line.pulses]
    for leaves in (False, True):
        guest.function.write(PciRegion.CONFIG, COMMAND, _PIN_OFF.to_bytes(2, "little"))
        if leaves:
            peer.detach()
        guest.function.write(PciRegion.CONFIG, COMMAND, _MEMORY.to_bytes(2, "little"))
        counts.append(line.pulses)
    return counts


@pytest.mark.parametrize(("shape", "expected"), [("level", [1, 2, 3]), ("edge", [1, 1, 2])])
def test_a_pin_that_is_on_again_repeats_a_level_and_no_edge(shape: str, expected: list[int]) -> None:
    with bench(Profile.load("7.0", {"interrupt_shape": shape})) as host:
        assert asyncio.run(_pulses_of_a_change(host)) == expected


@pytest.mark.parametrize(
    ("reading", "after_ones"), [("bit-10-unless-all-ones", (0x0007, True)), ("bit-10", (0x0407, False))]
)
def test_all_ones_switch_the_pin_off_where_the_profile_says_so(reading: str, after_ones: tuple[int, bool]) -> None:
    with bench(Profile.load("7.0", {"pci_pin_off": reading})) as host:
        told = asyncio.run(_told(host))
    # A guest that has switched it off before does not get it back by all ones.
    assert told == [(_MEMORY, True), after_ones, (_PIN_OFF, False), (0x0407, False), (_MEMORY, True)]
