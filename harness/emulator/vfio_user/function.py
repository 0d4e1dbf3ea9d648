# SPDX-License-Identifier: Apache-2.0
"""What a vfio-user server serves: one PCI function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Region:
    """A BAR or the configuration space, as the client sees it.

    ``mappable`` are the (offset, size) parts in bytes that the client may map from ``fd``; every other access arrives
    as a message.
    """

    size: int
    fd: int = -1
    mappable: tuple[tuple[int, int], ...] = ()


class PciFunction(Protocol):
    """A PCI function behind a vfio-user socket. Offsets and lengths are in bytes; data is little-endian."""

    def region(self, index: int) -> Region | None:
        """The region of this index, or None when the function has none."""

    def interrupts(self, index: int) -> int:
        """How many interrupts this index has."""

    def read(self, index: int, offset: int, length: int) -> bytes: ...

    def write(self, index: int, offset: int, data: bytes) -> None: ...

    def set_interrupts(self, index: int, start: int, eventfds: list[int]) -> None:
        """Take over the eventfds (the callee closes them); an empty list disables the index."""

    def reset(self) -> None: ...

    def disconnected(self) -> None:
        """The client is gone: its virtual machine has ended."""
