# SPDX-License-Identifier: Apache-2.0
"""One device's window: slots of a control page and the data pages behind it, in two banks of memory.

The first bank has small slots, so that it has a chance of an address below 4 GiB; the second one has those for whatever
the first one cannot hold. A bank is one BAR of the PCI function.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

from harness.emulator import shortages
from harness.emulator.window.mapper import Mapper, WindowBroken
from harness.shmem.registers import PAGE_SIZE

_MIB: Final = 1 << 20
SLOT_SIZE: Final = 16 * _MIB
"""Bytes of a slot in the first bank of a PCI device: one control page and up to 4095 data pages."""
SLOTS: Final = 16
FIRST_BANK: Final = (SLOT_SIZE,) * SLOTS
LARGE_BANK: Final = (64 * _MIB,) * 16 + (256 * _MIB,) * 4 + (2048 * _MIB, 4096 * _MIB)
"""The slots of the second bank, for every device."""
MAX_PAGES: Final = max(LARGE_BANK) // PAGE_SIZE - 1
"""Data pages of the largest region that a guest can be shown."""

_PATTERN_SIZE: Final = 16 * _MIB
"""Bytes of the file that is mapped again and again over what shall be full of one byte."""
_FALLOC_KEEP_SIZE: Final = 1
_FALLOC_PUNCH_HOLE: Final = 2
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


def divided(total: int) -> tuple[int, ...]:
    """Slots for a first bank of ``total`` bytes, a power of two: many small ones, and one for more than half of it.

    256 MiB have a slot in which a region of 128 MiB finds room.
    """
    return (total // 64,) * 14 + (total // 8,) * 2 + (total // 64 * 34,)


class Bank:
    """The memory behind one BAR. A slot without a connection shows private memory of this guest alone."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.size = sum(sizes)
        self.offsets = tuple(itertools.accumulate(sizes[:-1], initial=0))
        self.fd = os.memfd_create("shmem-window", os.MFD_CLOEXEC)
        try:
            os.ftruncate(self.fd, self.size)
        except OSError:
            self.close()
            raise

    def mappable(self) -> tuple[tuple[int, int], ...]:
        """(offset, size) of the data part of every slot; control pages are always trapped."""
        return tuple(
            (offset + PAGE_SIZE, size - PAGE_SIZE) for offset, size in zip(self.offsets, self.sizes, strict=True)
        )

    def read(self, offset: int, length: int) -> bytes:
        """What is in the memory."""
        return os.pread(self.fd, length, offset)

    def write(self, offset: int, data: bytes) -> None:
        """Change what is in the memory."""
        os.pwrite(self.fd, data, offset)

    def close(self) -> None:
        """Give the memory back."""
        os.close(self.fd)


class Place(NamedTuple):
    """Where a slot is: the number of its bank, its offset there and its size, in bytes."""

    bank: int
    offset: int
    size: int


class Window:
    """The slots of a device, numbered through its banks."""

    max_pages: Final = MAX_PAGES

    def __init__(self, mapper: Mapper, first: Sequence[int] = FIRST_BANK) -> None:
        self._mapper = mapper
        with contextlib.ExitStack() as unless_made:
            small = Bank(first)
            unless_made.callback(small.close)
            self.banks = (small, Bank(LARGE_BANK))
            unless_made.pop_all()
        self._pattern: Bank | None = None
        self._full: dict[int, int] = {}
        """For slots that show the pattern: how many bytes of it, behind the control page."""
        self.places = tuple(
            Place(number, offset, size)
            for number, bank in enumerate(self.banks)
            for offset, size in zip(bank.offsets, bank.sizes, strict=True)
        )

    def room(self, slot: int) -> int:
        """How many data pages the slot can show."""
        return self.places[slot].size // PAGE_SIZE - 1

    def slot_at(self, bank: int, offset: int) -> tuple[int, int]:
        """The slot that covers an offset of a bank, and the offset inside the slot."""
        inside = bisect_right(self.banks[bank].offsets, offset) - 1
        before = sum(len(earlier.offsets) for earlier in self.banks[:bank])
        return before + inside, offset - self.banks[bank].offsets[inside]

    def read(self, bank: int, offset: int, length: int) -> bytes:
        """Private memory; for accesses that QEMU traps although the part is mappable."""
        memory, place = self._private(bank, offset)
        return memory.read(place, length)

    def write(self, bank: int, offset: int, data: bytes) -> None:
        """Private memory, see ``read``."""
        memory, place = self._private(bank, offset)
        memory.write(place, data)

    def _private(self, bank: int, offset: int) -> tuple[Bank, int]:
        """What lies at an offset of a bank where no region does, and the place in it."""
        slot, inside = self.slot_at(bank, offset)
        if self._pattern is not None and inside - PAGE_SIZE < self._full.get(slot, 0):
            return self._pattern, (inside - PAGE_SIZE) % _PATTERN_SIZE
        return self.banks[bank], offset

    def show(self, slot: int, fd: int, pages: int) -> None:
        """Put ``pages`` pages of the file in front of the slot's private memory. Raises WindowBroken."""
        place = self.places[slot]
        if (1 + pages) * PAGE_SIZE > place.size:
            # QEMU would refuse it, which would look like a shortage of the machine.
            raise WindowBroken(f"slot {slot} has no room for {pages} pages")
        self._mapper.replace(self.banks[place.bank].fd, place.offset + PAGE_SIZE, pages * PAGE_SIZE, fd, 0)

    def hide(self, slot: int, pages: int, fill: int = 0) -> None:
        """Take ``pages`` pages away again: private memory returns, full of the byte ``fill``. Raises WindowBroken.

        The memory of all slots that are full of the same byte, but 0, is one: they take little together, and what the
        guest stores into one of them shows in others.
        """
        place = self.places[slot]
        private, data, length = self.banks[place.bank].fd, place.offset + PAGE_SIZE, pages * PAGE_SIZE
        try:
            self._erase(slot)
            pattern = self._full_of(fill, min(length, _PATTERN_SIZE)) if fill else None
        except OSError as error:
            shortages.note(error, "the private memory of a window")
            raise WindowBroken(f"cannot erase the private memory of slot {slot}: {error}") from error
        if pattern is None:
            self._mapper.replace(private, data, length, private, data)
            return
        self._full[slot] = max(length, self._full.get(slot, 0))
        for start in range(0, length, _PATTERN_SIZE):
            self._mapper.replace(private, data + start, min(length - start, _PATTERN_SIZE), pattern, 0)

    def _full_of(self, byte: int, length: int) -> int:
        """The file whose first ``length`` bytes are full of it, whatever the guest has stored there since."""
        if self._pattern is None:
            self._pattern = Bank((_PATTERN_SIZE,))
        self._pattern.write(0, bytes([byte]) * length)
        return self._pattern.fd

    def _erase(self, slot: int) -> None:
        mode = _FALLOC_PUNCH_HOLE | _FALLOC_KEEP_SIZE
        place = self.places[slot]
        if _LIBC.fallocate(self.banks[place.bank].fd, mode, place.offset + PAGE_SIZE, place.size - PAGE_SIZE) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def close(self) -> None:
        """Give the memory back."""
        for bank in (*self.banks, *([self._pattern] if self._pattern else [])):
            bank.close()
