# SPDX-License-Identifier: Apache-2.0
"""Memory-mapped devices: PCI functions absent from the bus, whose BARs are programmed while the machine is paused.

QEMU obeys what a guest stores to the BARs of a function, whether or not the function answers. So a store to the empty
slot makes the host program the BARs again.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.arch import Arch
from harness.emulator.device import pci_config
from harness.emulator.device.pci_config import ConfigSpace
from harness.emulator.machine.placement import Placement
from harness.emulator.machine.qtest import Qtest
from harness.narrow import present

_ECAM = 0x40_1000_0000
_CONFIG_ADDRESS = 0xCF8
_CONFIG_DATA = 0xCFC


async def show_at(qtest: Qtest, arch: Arch, placement: Placement) -> None:
    """Put the factory page at ``loc`` and the window's banks at their addresses, and let the function answer there."""
    for command in _stores(arch, placement):
        await qtest.command(command)


def take_off_the_bus(qtest: Qtest, arch: Arch, placement: Placement, config: ConfigSpace) -> None:
    """Make an empty slot of the function, which stays where ``show_at`` has put it."""
    config.absent = True
    config.store_ignored = lambda offset: qtest.post(*_stores(arch, placement), *_select(arch, placement, offset))


def _stores(arch: Arch, placement: Placement) -> Iterator[str]:
    """The commands that program the function, without messages."""
    registers = [(pci_config.BAR0, present(placement.loc))]
    for register, address in zip(pci_config.BANKS, (placement.banks.first, placement.banks.large), strict=True):
        registers += [(register, address & 0xFFFF_FFFF), (register + 4, address >> 32)]
    for register, value in (*registers, (pci_config.MSI, 0), (pci_config.COMMAND, pci_config.COMMAND_MEMORY)):
        if arch == "aarch64":
            address = _ECAM + (placement.slot << 15) + (placement.function << 12) + register
            yield f"writel {address:#x} {value:#x}"
        else:
            yield from _select(arch, placement, register)
            yield f"outl {_CONFIG_DATA:#x} {value:#x}"


def _select(arch: Arch, placement: Placement, register: int) -> Iterator[str]:
    """The command that makes a register of the function the one that a PC's next data access means."""
    if arch == "x86_64":
        selected = 0x8000_0000 | placement.slot << 11 | placement.function << 8 | register & ~3
        yield f"outl {_CONFIG_ADDRESS:#x} {selected:#x}"
