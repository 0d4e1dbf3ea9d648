# SPDX-License-Identifier: Apache-2.0
"""What programs for the real device do that other drivers do not: all ones as the command, ``status`` left unread."""

from __future__ import annotations

from typing import Final

import pytest

from harness.arch import Arch
from harness.guest.probe import Probe
from tests.probe.pair import Pair

_CONFIGURATION_SPACE: Final[dict[Arch, int]] = {"aarch64": 0x40_1000_0000, "x86_64": 0xB000_0000}
_COMMAND: Final = (8 << 15) + 4
_MEMORY_AND_MASTER: Final = 0x0006
_PIN_OFF: Final = 0x0400
_SIGNALS: Final = 50


def _is_told(probe: Probe, peer: Probe, seconds: float) -> bool:
    """Whether the guest is interrupted for a signal, which it reads then."""
    peer.notify(1 << 0)
    told = probe.irq_wait(seconds).interrupts > 0
    probe.status()
    return told


def test_a_guest_that_writes_all_ones_to_the_command_goes_on_getting_interrupts(pair: Pair) -> None:
    one, two = pair.one, pair.two
    command = _CONFIGURATION_SPACE[pair.architecture] + _COMMAND
    one.attach("bell", 1)
    one.irq_on("pin")
    two.attach("bell", 1)
    one.irq_wait(60)
    try:
        one.write("phys", command, 2, 0xFFFF)
        assert _is_told(one, two, 60)
        one.write("phys", command, 2, _MEMORY_AND_MASTER | _PIN_OFF)
        assert not _is_told(one, two, 0.2)
    finally:
        one.write("phys", command, 2, _MEMORY_AND_MASTER)
    assert _is_told(one, two, 60)


@pytest.mark.parametrize(
    "placed_pair", [("aarch64", "pci"), ("aarch64", "mmio"), ("x86_64", "pci")], ids="-".join, indirect=True
)
def test_a_handler_that_does_not_read_status_is_called_for_each_signal(placed_pair: Pair) -> None:
    """The handler of the probe reads ``status`` of what it knows to be attached; the region is none of that."""
    one, two = placed_pair.one, placed_pair.two
    attachment = one.attach("bell", 1)
    one.irq_on("pin")
    two.attach("bell", 1)
    one.irq_wait(60)
    one.forget(attachment.handle)
    two.notify(1 << 0)
    one.irq_wait(60)
    # Until repetitions of a level that nobody reads are seldom.
    one.irq_wait(1.0, count=100)
    before = one.irq_count().taken
    for _ in range(_SIGNALS):
        two.notify(1 << 0)
        one.identify()
    assert one.irq_count().taken - before >= _SIGNALS // 2
    one.write("phys", (attachment.shmem or 0) + 0xC, 4, 1)
