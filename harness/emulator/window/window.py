# SPDX-License-Identifier: Apache-2.0
"""One device's window: slots of a control page and the data pages behind it."""

from __future__ import annotations

import ctypes
import os
from typing import Final

from harness.emulator import shortages
from harness.emulator.window.mapper import Mapper, WindowBroken
from harness.shmem.registers import PAGE_SIZE

SLOTS: Final = 16
"""Connections that one device can hold open at a time."""
SLOT_SIZE: Final = 16 << 20
"""Bytes: one control page and up to 4095 data pages."""

_FALLOC_KEEP_SIZE: Final = 1
_FALLOC_PUNCH_HOLE: Final = 2
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


class Window:
    """The memory behind BAR 2. A slot without a connection shows private memory of this guest alone."""

    slot_size: Final = SLOT_SIZE
    size: Final = SLOTS * SLOT_SIZE
    max_pages: Final = SLOT_SIZE // PAGE_SIZE - 1

    def __init__(self, mapper: Mapper) -> None:
        self._mapper = mapper
        self.fd = os.memfd_create("shmem-window", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, self.size)

    def mappable(self) -> tuple[tuple[int, int], ...]:
        """(offset, size) of the data part of every slot; control pages are always trapped."""
        return tuple((slot * SLOT_SIZE + PAGE_SIZE, SLOT_SIZE - PAGE_SIZE) for slot in range(SLOTS))

    def show(self, slot: int, fd: int, pages: int) -> None:
        """Put ``pages`` pages of the file in front of the slot's private memory. Raises WindowBroken."""
        self._mapper.replace(self.fd, self.data_offset(slot), pages * PAGE_SIZE, fd, 0)

    def hide(self, slot: int, pages: int, fill: int = 0) -> None:
        """Take ``pages`` pages away again: private memory returns, full of the byte ``fill``. Raises WindowBroken."""
        try:
            self._erase(slot)
            if fill:
                os.pwrite(self.fd, bytes([fill]) * (pages * PAGE_SIZE), self.data_offset(slot))
        except OSError as error:
            shortages.note(error, "the private memory of a window")
            raise WindowBroken(f"cannot erase the private memory of slot {slot}: {error}") from error
        self._mapper.replace(self.fd, self.data_offset(slot), pages * PAGE_SIZE, self.fd, self.data_offset(slot))

    @staticmethod
    def data_offset(slot: int) -> int:
        """Bytes from the start of the window to the slot's first data page."""
        return slot * SLOT_SIZE + PAGE_SIZE

    def _erase(self, slot: int) -> None:
        mode = _FALLOC_PUNCH_HOLE | _FALLOC_KEEP_SIZE
        if _LIBC.fallocate(self.fd, mode, self.data_offset(slot), SLOT_SIZE - PAGE_SIZE) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def read(self, offset: int, length: int) -> bytes:
        """Private memory; for accesses that QEMU traps although the part is mappable."""
        return os.pread(self.fd, length, offset)

    def write(self, offset: int, data: bytes) -> None:
        """Private memory, see ``read``."""
        os.pwrite(self.fd, data, offset)

    def close(self) -> None:
        """Give the memory back."""
        os.close(self.fd)
