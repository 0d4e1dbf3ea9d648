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
    """Put the factory page at ``loc`` and the window's banks at their addresses, and let the function answer there."""
    registers = [(pci_config.BAR0, present(placement.loc))]
    for register, address in zip(pci_config.BANKS, (placement.banks.first, placement.banks.large), strict=True):
        registers += [(register, address & 0xFFFF_FFFF), (register + 4, address >> 32)]
    for register, value in (*registers, (pci_config.COMMAND, pci_config.COMMAND_MEMORY)):
        if arch == "aarch64":
            await qtest.writel(_ECAM + (placement.slot << 15) + (placement.function << 12) + register, value)
        else:
            await qtest.outl(_CONFIG_ADDRESS, 0x8000_0000 | placement.slot << 11 | placement.function << 8 | register)
            await qtest.outl(_CONFIG_DATA, value)
