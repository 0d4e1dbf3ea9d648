# SPDX-License-Identifier: Apache-2.0
"""Memory-mapped devices: PCI functions absent from the bus, whose BARs are programmed while the machine is paused."""

from __future__ import annotations

from harness.arch import Arch
from harness.emulator.device import pci_config
from harness.emulator.machine.placement import Placement
from harness.emulator.machine.qtest import Qtest
from harness.narrow import present

_ECAM = 0x40_1000_0000
_CONFIG_ADDRESS = 0xCF8
_CONFIG_DATA = 0xCFC


async def show_at(qtest: Qtest, arch: Arch, placement: Placement) -> None:
    """Put the factory page at ``loc`` and the window at its address, and let the function answer there."""
    for register, value in (
        (pci_config.BAR0, present(placement.loc)),
        (pci_config.BAR2, placement.window & 0xFFFF_FFFF),
        (pci_config.BAR2 + 4, placement.window >> 32),
        (pci_config.COMMAND, pci_config.COMMAND_MEMORY),
    ):
        if arch == "aarch64":
            await qtest.writel(_ECAM + (placement.slot << 15) + register, value)
        else:
            await qtest.outl(_CONFIG_ADDRESS, 0x8000_0000 | placement.slot << 11 | register)
            await qtest.outl(_CONFIG_DATA, value)
