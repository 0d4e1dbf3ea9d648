# SPDX-License-Identifier: Apache-2.0
"""The registers of the factory page.

Sources: public header ``guest_shm.h`` for fields and their order; QNX Hypervisor User's Guide, "Virtual registers
(guest_shm.h)" for their meaning. Offsets follow from the layout of the published structure.
"""

from __future__ import annotations

from harness.shmem import registers as reg
from harness.shmem.status import Status


class FactoryPage:
    """What the registers hold. ``store`` says which requests a guest's store has triggered; it performs none."""

    def __init__(self, vector: int) -> None:
        self.vector = vector
        self.reset()

    def reset(self) -> None:
        """The values before the first request (OPEN-19: zero)."""
        self.shmem = 0
        self.status = Status.OK
        self.size = 0
        self.name = bytearray(reg.NAME_SIZE)
        self.find = 0
        self.flags = 0

    def load(self, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset``; the rest of the page reads zero."""
        page = b"".join(
            [
                reg.SIGNATURE.to_bytes(8, "little"),
                self.shmem.to_bytes(8, "little"),
                self.vector.to_bytes(4, "little"),
                int(self.status).to_bytes(4, "little"),
                self.size.to_bytes(4, "little"),
                bytes(self.name),
                self.find.to_bytes(4, "little"),
                self.flags.to_bytes(4, "little"),
            ]
        )
        return page[offset : offset + length].ljust(length, b"\0")

    def store(self, offset: int, data: bytes) -> set[str]:
        """Put all bytes into the registers first, then name the triggers that the store covers whole.

        A store of eight bytes at 0x18 holds ``size`` and the beginning of ``name``: it must be complete before the
        request that it triggers is looked at (observed with compilers that merge stores).
        """
        self._put(reg.NAME_OFFSET, self.name, offset, data)
        triggers = set()
        for name, place in (("size", reg.SIZE_OFFSET), ("find", reg.FIND_OFFSET), ("flags", reg.FLAGS_OFFSET)):
            if offset <= place and place + 4 <= offset + len(data):
                setattr(self, name, int.from_bytes(data[place - offset : place - offset + 4], "little"))
                triggers.add(name)
        return triggers

    @staticmethod
    def _put(place: int, register: bytearray, offset: int, data: bytes) -> None:
        first, last = max(place, offset), min(place + len(register), offset + len(data))
        if first < last:
            register[first - place : last - place] = data[first - offset : last - offset]

    def requested_name(self) -> bytes | None:
        """The name up to its terminator, or None when there is no terminator."""
        text, end, _ = bytes(self.name).partition(b"\0")
        return text if end else None
