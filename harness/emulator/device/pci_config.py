# SPDX-License-Identifier: Apache-2.0
"""Configuration space of the device's PCI function.

Identifiers: public header ``guest_shm.h``. Class code, subsystem identifiers and capabilities are not documented
(SHM-OPEN-13): a memory controller of no closer kind, the function's own identifiers, and MSI in addition to INTx pin A.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from harness.shmem.registers import PCI_DEVICE, PCI_VENDOR

SIZE: Final = 256
CLASS: Final = 0x058000

COMMAND: Final = 0x04
COMMAND_MEMORY: Final = 0x2
COMMAND_NO_PIN: Final = 0x400
INTERRUPT_LINE: Final = 0x3C
BAR0: Final = 0x10
BAR2: Final = 0x18
BAR4: Final = 0x20
BANKS: Final = (BAR2, BAR4)
"""The registers of the window's banks."""
MSI: Final = 0x40
MSI_ADDRESS: Final = MSI + 4
MSI_DATA: Final = MSI + 12

_BAR_32BIT_PREFETCHABLE: Final = 0x8
_BAR_64BIT_PREFETCHABLE: Final = 0xC
_MSI_64BIT: Final = 0x80
_MSI_ENABLE: Final = 0x1
_STATUS: Final = 0x06
_STATUS_CAPABILITIES: Final = 0x10
_STATUS_PIN: Final = 0x08


class ConfigSpace:
    """256 bytes of configuration space with a mask of what a guest can change.

    QEMU answers the sizing of BARs itself and forwards what is written, so the BARs here are what the guest wrote last.
    It also obeys the bit that enables them: no access comes here while it is clear.

    ``line`` is what the register ``Interrupt Line`` says, whoever writes to it: a hypervisor has no firmware that would
    fill it in. Without one the register is the guest's to use. ``low``: the first bank has a 32-bit BAR, so that
    firmware gives it an address below 4 GiB. ``ones_switch_off``: a command of all ones switches the pin off, as any
    other with that bit does.
    """

    def __init__(self, *, msi: bool, line: int | None = None, low: bool = False, ones_switch_off: bool = False) -> None:
        self._msi = msi
        self._ones_switch_off = ones_switch_off
        self._low = low
        self._line = line
        self._bytes = bytearray(SIZE)
        self._writable = bytearray(SIZE)
        self.absent = False
        """While set, the function is an empty slot: nothing on the bus finds it, and stores change nothing."""
        self.store_ignored: Callable[[int], None] | None = None
        """Called for a store to an empty slot that would have changed something: QEMU may have obeyed it."""
        self.pin_asserted: Callable[[], bool] = lambda: False
        """Whether the status register shows a pending interrupt of the function (PCI 3.0, section 6.2.3)."""
        self.reset()

    def reset(self) -> None:
        """The values after power-on."""
        self._bytes[:] = bytes(SIZE)
        self._fixed(0x00, PCI_VENDOR, 2)
        self._fixed(0x02, PCI_DEVICE, 2)
        self._fixed(0x08, CLASS << 8, 4)
        self._fixed(0x2C, PCI_VENDOR, 2)
        self._fixed(0x2E, PCI_DEVICE, 2)
        self._fixed(0x3D, 1, 1)
        self._changeable(COMMAND, 0x0407, 2)
        self._changeable(0x0C, 0xFF, 1)
        if self._line is None:
            self._changeable(INTERRUPT_LINE, 0xFF, 1)
        else:
            self._fixed(INTERRUPT_LINE, self._line, 1)
        self._changeable(BAR0, 0xFFFFF000, 4)
        for bank in BANKS:
            narrow = self._low and bank == BANKS[0]
            width = 4 if narrow else 8
            self._changeable(bank, (1 << 8 * width) - 16, width)
            self._fixed(bank, _BAR_32BIT_PREFETCHABLE if narrow else _BAR_64BIT_PREFETCHABLE, 4)
        if self._msi:
            self._add_msi()

    def _add_msi(self) -> None:
        self._fixed(0x06, _STATUS_CAPABILITIES, 2)
        self._fixed(0x34, MSI, 1)
        self._fixed(MSI, 0x05 | _MSI_64BIT << 16, 4)
        self._changeable(MSI + 2, _MSI_ENABLE, 2)
        self._changeable(MSI_ADDRESS, 0xFFFFFFFF_FFFFFFFC, 8)
        self._changeable(MSI_DATA, 0xFFFF, 2)

    def _fixed(self, offset: int, value: int, width: int) -> None:
        self._bytes[offset : offset + width] = value.to_bytes(width, "little")

    def _changeable(self, offset: int, mask: int, width: int) -> None:
        self._writable[offset : offset + width] = mask.to_bytes(width, "little")

    def read(self, offset: int, length: int) -> bytes:
        """What an access to the bus returns."""
        if self.absent:
            return b"\xff" * length
        value = bytearray(self.stored(offset, length))
        if offset <= _STATUS < offset + length and self.pin_asserted():
            value[_STATUS - offset] |= _STATUS_PIN
        return bytes(value)

    def stored(self, offset: int, length: int) -> bytes:
        """What the registers hold, also while the function is absent from the bus."""
        return bytes(self._bytes[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        """Store what can be changed; the rest keeps its value."""
        masks, old = self._writable[offset : offset + len(data)], self.stored(offset, len(data))
        new = bytes(was & ~mask | byte & mask for was, byte, mask in zip(old, data, masks, strict=True))
        if self.absent:
            if new != old and self.store_ignored is not None:
                self.store_ignored(offset)
            return
        command = self.stored(COMMAND, 2)
        self._bytes[offset : offset + len(data)] = new
        written = data[COMMAND - offset : COMMAND - offset + 2] if offset <= COMMAND else b""
        if written == b"\xff\xff" and not self._ones_switch_off:
            before = command[1] & COMMAND_NO_PIN >> 8
            self._bytes[COMMAND + 1] = (self._bytes[COMMAND + 1] & ~(COMMAND_NO_PIN >> 8)) | before

    def bank_base(self, bank: int, size: int) -> int:
        """Guest-physical address of a bank of the window. What a guest stores below the bank's size is none of it."""
        return int.from_bytes(self.stored(BANKS[bank], 8), "little") & -size

    @property
    def pin_disabled(self) -> bool:
        """Whether the guest keeps the interrupt pin from being asserted."""
        return bool(self._bytes[COMMAND + 1] & COMMAND_NO_PIN >> 8)
