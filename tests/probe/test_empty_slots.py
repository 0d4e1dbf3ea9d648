# SPDX-License-Identifier: Apache-2.0
"""A guest stores to the configuration space of empty PCI slots: its memory-mapped devices stay as they are."""

from __future__ import annotations

from typing import Final

import pytest

from harness.guest.probe import Probe
from harness.shmem.registers import PAGE_SIZE
from tests.probe.pair import Pair

_CONFIGURATION: Final = {"aarch64": 0x40_1000_0000, "x86_64": 0xB000_0000}
"""Where the guests' machines have the configuration space of all functions, as QEMU's manuals of them say."""
_NOTHING: Final = 0xFFFF_FFFF
_COMMAND, _BARS, _MSI = 0x04, range(0x10, 0x28, 4), range(0x40, 0x50, 4)


def _empty(guest: Probe, first: int) -> list[int]:
    functions = [first + (slot << 15) + (function << 12) for slot in range(32) for function in range(2)]
    return [place for place in functions if guest.read("phys", place, 4) == _NOTHING]


@pytest.mark.parametrize("placed_pair", [("aarch64", "mmio"), ("x86_64", "mmio")], ids="-".join, indirect=True)
@pytest.mark.parametrize("value", [0, 0xA000_0000, 0x0040_0402, _NOTHING], ids=hex)
def test_stores_to_empty_slots_change_nothing(placed_pair: Pair, value: int) -> None:
    one, two = placed_pair.one, placed_pair.two
    arch = placed_pair.architecture
    before = one.attach("before", 1)
    places = _empty(one, _CONFIGURATION[arch])
    assert len(places) > 40
    for place in places:
        for register in (*_BARS, *_MSI, _COMMAND):
            one.write("phys", place + register, 4, value)
    assert _empty(one, _CONFIGURATION[arch]) == places
    ours, theirs = one.attach("after", 1), two.attach("after", 1)
    assert (ours.status, before.status) == (0, 0)
    assert ours.shmem is not None
    one.fill(0, PAGE_SIZE, 7)
    assert two.verify(0, PAGE_SIZE, 7).mismatches == 0
    one.irq_on("pin")
    assert theirs.handle is not None
    index = one.status().index
    two.notify(1 << index)
    assert one.irq_wait(20.0).interrupts
