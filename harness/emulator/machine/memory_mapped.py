# SPDX-License-Identifier: Apache-2.0
"""Memory-mapped devices: PCI functions absent from the bus, whose BARs are programmed while the machine is paused.

QEMU obeys what a guest stores to the BARs of a function, whether or not the function answers. So a store to the empty
slot makes the host program the BARs again. It does so in memory where the machine has configuration spaces there: the
address register of a PC is the guest's, which may have gone on to another function meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.emulator.device import pci_config
from harness.emulator.device.pci_config import ConfigSpace
from harness.emulator.machine.board import Board
from harness.emulator.machine.placement import Placement
from harness.emulator.machine.qtest import Qtest
from harness.narrow import present

_CONFIG_ADDRESS = 0xCF8
_CONFIG_DATA = 0xCFC


async def show_at(qtest: Qtest, board: Board, placement: Placement) -> None:
    """Put the factory page at ``loc`` and the window's banks at their addresses, and let the function answer there."""
    for command in _stores(None if board.ecam_by_firmware else board.ecam, placement):
        await qtest.command(command)


def take_off_the_bus(qtest: Qtest, board: Board, placement: Placement, config: ConfigSpace) -> None:
    """Make an empty slot of the function, which stays where ``show_at`` has put it."""

    def program_again(offset: int) -> None:
        selected = () if board.ecam else (_select(placement, offset),)
        # A guest may store there without an end; the last store is repaired, too.
        qtest.pulse(*_stores(board.ecam, placement), *selected)

    config.absent = True
    config.store_ignored = program_again


def _stores(ecam: int | None, placement: Placement) -> Iterator[str]:
    """The commands that program the function, without messages."""
    registers = [(pci_config.BAR0, present(placement.loc))]
    for register, address in zip(pci_config.BANKS, (placement.banks.first, placement.banks.large), strict=True):
        registers += [(register, address & 0xFFFF_FFFF), (register + 4, address >> 32)]
    for register, value in (*registers, (pci_config.MSI, 0), (pci_config.COMMAND, pci_config.COMMAND_MEMORY)):
        if ecam is None:
            yield _select(placement, register)
            yield f"outl {_CONFIG_DATA:#x} {value:#x}"
        else:
            address = ecam + (placement.slot << 15) + (placement.function << 12) + register
            yield f"writel {address:#x} {value:#x}"


def _select(placement: Placement, register: int) -> str:
    """The command that makes a register of the function the one that a PC's next data access means."""
    selected = 0x8000_0000 | placement.slot << 11 | placement.function << 8 | register & ~3
    return f"outl {_CONFIG_ADDRESS:#x} {selected:#x}"
