# SPDX-License-Identifier: Apache-2.0
"""The device as a PCI function: BAR 0 is the factory page, BAR 2 and BAR 4 the banks of the window."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from harness.emulator.device.access import BadAccess
from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.pci_config import SIZE, ConfigSpace
from harness.emulator.vfio_user.function import Region
from harness.emulator.vfio_user.wire import PciIrq, PciRegion
from harness.emulator.window import Window
from harness.shmem.registers import PAGE_SIZE

BANKS: Final = (PciRegion.BAR2, PciRegion.BAR4)
"""The BARs of the window's banks."""


class ShmemFunction:
    """Serves a ``SharedMemoryDevice`` over vfio-user. ``broken`` is called for an access that must end qvm.

    ``line`` is for a guest that looks for its interrupt in the PCI function; ``low`` asks for a first bank of the
    window below 4 GiB.
    """

    def __init__(
        self,
        device: SharedMemoryDevice,
        window: Window,
        broken: Callable[[str], None],
        *,
        line: int | None = None,
        low: bool = False,
    ) -> None:
        self.device = device
        self.config = ConfigSpace(
            msi=device.profile.pci_msi == "present",
            line=line,
            low=low,
            ones_switch_off=device.profile.pci_pin_off == "bit-10",
        )
        self._broken = broken
        self.msi: int | None = None
        """Event that QEMU turns into the guest's message-signalled interrupt, while the guest has that enabled."""
        self._window = window
        self._regions: dict[int, Region] = {
            PciRegion.BAR0: Region(PAGE_SIZE),
            PciRegion.CONFIG: Region(SIZE),
            **{
                index: Region(bank.size, bank.fd, bank.mappable())
                for index, bank in zip(BANKS, window.banks, strict=True)
            },
        }
        device.broken = broken
        device.bank_base = lambda bank: self.config.bank_base(bank, window.banks[bank].size)
        device.interrupt.event = lambda: self.msi
        device.interrupt.disabled = lambda: self.config.pin_disabled
        if device.profile.pci_interrupt_status == "shown":
            self.config.pin_asserted = lambda: device.interrupt.asserted

    def region(self, index: int) -> Region | None:
        return self._regions.get(index)

    def interrupts(self, index: int) -> int:
        if index == PciIrq.MSI:
            return 1 if self.device.profile.pci_msi == "present" else 0
        # QEMU complains about a function that cannot report errors.
        return 1 if index in (PciIrq.INTX, PciIrq.ERR) else 0

    def read(self, index: int, offset: int, length: int) -> bytes:
        if index == PciRegion.CONFIG:
            return self.config.read(offset, length)
        try:
            if index == PciRegion.BAR0:
                return self.device.load_factory(offset, length)
            return self._read_window(BANKS.index(index), offset, length)
        except BadAccess as error:
            self._broken(f"vdev shmem: read: {error}")
            return b"\xff" * length

    def write(self, index: int, offset: int, data: bytes) -> None:
        try:
            if index == PciRegion.CONFIG:
                disabled = self.config.pin_disabled
                self.config.write(offset, data)
                if disabled and not self.config.pin_disabled:
                    self.device.interrupt.enabled_again()
            elif index == PciRegion.BAR0:
                self.device.store_factory(offset, data)
            else:
                self._write_window(BANKS.index(index), offset, data)
        except BadAccess as error:
            self._broken(f"vdev shmem: write: {error}")

    def _read_window(self, bank: int, offset: int, length: int) -> bytes:
        number, inside = self._window.slot_at(bank, offset)
        if inside < PAGE_SIZE:
            return self.device.load_control(number, inside, length)
        slot = self.device.slots[number]
        if slot is not None and inside - PAGE_SIZE + length <= slot.pages * PAGE_SIZE:
            return os.pread(slot.client.region.fd, length, inside - PAGE_SIZE)
        return self._window.read(bank, offset, length)

    def _write_window(self, bank: int, offset: int, data: bytes) -> None:
        number, inside = self._window.slot_at(bank, offset)
        if inside < PAGE_SIZE:
            self.device.store_control(number, inside, data)
            return
        slot = self.device.slots[number]
        if slot is not None and inside - PAGE_SIZE + len(data) <= slot.pages * PAGE_SIZE:
            os.pwrite(slot.client.region.fd, data, inside - PAGE_SIZE)
        else:
            self._window.write(bank, offset, data)

    def set_interrupts(self, index: int, _start: int, eventfds: list[int]) -> None:
        if index == PciIrq.MSI:
            self._close_msi()
            self.msi = eventfds.pop(0) if eventfds else None
        # QEMU stops mapping the window for good once an event of the INTx kind has come: that one is never used.
        for fd in eventfds:
            os.close(fd)

    def _close_msi(self) -> None:
        if self.msi is not None:
            os.close(self.msi)
            self.msi = None

    def reset(self) -> None:
        self.device.reset()
        self.config.reset()

    def disconnected(self) -> None:
        self._close_msi()
        self.device.interrupt.close()
        self.device.reset()
