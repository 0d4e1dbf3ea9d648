# SPDX-License-Identifier: Apache-2.0
"""The registers of the factory page.

Sources: public header ``guest_shm.h`` for fields and their order; QNX Hypervisor User's Guide, "Virtual registers
(guest_shm.h)" for their meaning. Offsets follow from the layout of the published structure.
"""

from __future__ import annotations

import struct
from typing import Final

from harness.shmem import registers as reg
from harness.shmem.profile import Profile
from harness.shmem.status import Status

_PAGE: Final = struct.Struct(f"<QQIII{reg.NAME_SIZE}sII")
"""signature, shmem, vector, status, size, name, find, flags."""


class FactoryPage:
    """What the registers hold. ``store`` says which requests a guest's store has triggered; it performs none."""

    def __init__(self, vector: int, profile: Profile) -> None:
        self.vector = vector
        self.profile = profile
        self.registers = tuple(register for register in reg.FACTORY if self.exists(register.name))
        """The registers that this release has."""
        self.reset()

    def reset(self) -> None:
        """The values before the first request (SHM-OPEN-19)."""
        self.shmem = 0
        self.status = Status[self.profile.initial_status]
        self.size = 0
        self.name = bytearray(reg.NAME_SIZE)
        self.find = 0
        self.flags = 0

    def load(self, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset``; the rest of the page reads zero."""
        page = _PAGE.pack(
            reg.SIGNATURE,
            self.shmem,
            self.vector,
            self.status,
            self.size,
            self.name,
            self.find,
            self.visible_flags(),
        )
        return page[offset : offset + length].ljust(length, b"\0")

    def visible_flags(self) -> int:
        """What ``flags`` reads (SHM-OPEN-15)."""
        readable = self.profile.flags != "absent" and self.profile.flags_access == "read-write"
        return self.flags if readable else 0

    def store(self, offset: int, data: bytes) -> set[str]:
        """Put all bytes into the registers first, then name the word registers that the store covers whole.

        A store of eight bytes at 0x18 holds ``size`` and the beginning of ``name``: it must be complete before the
        request that it triggers is looked at (observed with compilers that merge stores).
        """
        self.store_name(offset, data)
        written = set()
        for name, register in (("size", reg.SIZE_OFFSET), ("find", reg.FIND_OFFSET), ("flags", reg.FLAGS_OFFSET)):
            word = word_at(register, offset, data)
            if word is not None and self.exists(name):
                setattr(self, name, word)
                written.add(name)
        return written

    def exists(self, name: str) -> bool:
        """Whether this release has the register."""
        return not (name in ("find", "flags") and getattr(self.profile, name) == "absent")

    def store_name(self, offset: int, data: bytes) -> None:
        """Store the bytes that fall into ``name``."""
        end = reg.NAME_OFFSET + reg.NAME_SIZE
        first, last = max(reg.NAME_OFFSET, offset), min(end, offset + len(data))
        if first < last:
            self.name[first - reg.NAME_OFFSET : last - reg.NAME_OFFSET] = data[first - offset : last - offset]

    def set_name(self, name: str) -> None:
        """Put a name, one byte a character, into the register; the rest is zero."""
        self.name[:] = name.encode("latin-1").ljust(reg.NAME_SIZE, b"\0")


def word_at(register: int, offset: int, data: bytes) -> int | None:
    """The 32-bit word at ``register`` when a store of ``data`` at ``offset`` covers it whole."""
    if offset <= register and register + 4 <= offset + len(data):
        return int.from_bytes(data[register - offset : register - offset + 4], "little")
    return None
