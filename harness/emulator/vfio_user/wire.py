# SPDX-License-Identifier: Apache-2.0
"""Messages of the vfio-user protocol: numbers, headers and payload layouts (little-endian).

Source: "vfio-user Protocol Specification" 0.9, sections "Header" and "Message Commands".
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import Final, NamedTuple


class Command(IntEnum):
    """Message commands."""

    VERSION = 1
    DMA_MAP = 2
    DMA_UNMAP = 3
    DEVICE_GET_INFO = 4
    DEVICE_GET_REGION_INFO = 5
    DEVICE_GET_REGION_IO_FDS = 6
    DEVICE_GET_IRQ_INFO = 7
    DEVICE_SET_IRQS = 8
    REGION_READ = 9
    REGION_WRITE = 10
    DMA_READ = 11
    DMA_WRITE = 12
    DEVICE_RESET = 13
    REGION_WRITE_MULTI = 15


class HeaderFlag(IntFlag):
    """Flags of a message header; the low four bits are the type."""

    REPLY = 0x1
    NO_REPLY = 0x10
    ERROR = 0x20


class RegionFlag(IntFlag):
    """Flags of a region, as in Linux's ``vfio_region_info``."""

    READ = 1
    WRITE = 2
    MMAP = 4
    CAPS = 8


class IrqFlag(IntFlag):
    """Flags of an interrupt index, as in Linux's ``vfio_irq_info``."""

    EVENTFD = 1
    MASKABLE = 2
    AUTOMASKED = 4
    NORESIZE = 8


class IrqSet(IntFlag):
    """Flags of a DEVICE_SET_IRQS request, as in Linux's ``vfio_irq_set``."""

    DATA_NONE = 1
    DATA_BOOL = 2
    DATA_EVENTFD = 4
    ACTION_MASK = 8
    ACTION_UNMASK = 16
    ACTION_TRIGGER = 32


class PciRegion(IntEnum):
    """Region indices of a PCI function."""

    BAR0 = 0
    BAR2 = 2
    BAR4 = 4
    ROM = 6
    CONFIG = 7
    VGA = 8


class PciIrq(IntEnum):
    """Interrupt indices of a PCI function."""

    INTX = 0
    MSI = 1
    MSIX = 2
    ERR = 3
    REQ = 4


DATA_KINDS: Final = IrqSet.DATA_NONE | IrqSet.DATA_BOOL | IrqSet.DATA_EVENTFD
ACTIONS: Final = IrqSet.ACTION_MASK | IrqSet.ACTION_UNMASK | IrqSet.ACTION_TRIGGER

DEVICE_RESET_SUPPORTED: Final = 1
DEVICE_IS_PCI: Final = 2
CAP_SPARSE_MMAP: Final = 1

HEADER: Final = struct.Struct("<HHIII")
DEVICE_INFO: Final = struct.Struct("<IIII")
REGION_INFO: Final = struct.Struct("<IIIIQQ")
IRQ_INFO: Final = struct.Struct("<IIII")
IRQ_SET: Final = struct.Struct("<IIIII")
REGION_ACCESS: Final = struct.Struct("<QII")
DMA_MAP: Final = struct.Struct("<IIQQQ")
DMA_UNMAP: Final = struct.Struct("<IIQQ")
VERSION: Final = struct.Struct("<HH")
_CAP_HEADER: Final = struct.Struct("<HHI")
_SPARSE_COUNT: Final = struct.Struct("<II")
_SPARSE_AREA: Final = struct.Struct("<QQ")

# Every access of a guest to a register is a message, and operators of flags cost more than the rest of it.
_REPLY: Final = int(HeaderFlag.REPLY)
_REPLY_AND_ERROR: Final = int(HeaderFlag.REPLY | HeaderFlag.ERROR)
_NO_REPLY: Final = int(HeaderFlag.NO_REPLY)

MAX_DATA: Final = 1 << 20
"""Bytes of one access; QEMU's own limit too."""
MAX_MESSAGE: Final = 1 << 21
"""Bytes; longer messages are a protocol error."""
MAX_FDS: Final = 16
"""Descriptors that come with one message."""


class Header(NamedTuple):
    """The 16 bytes before every payload; ``size`` counts them too."""

    message_id: int
    command: int
    size: int
    flags: int
    error: int

    @classmethod
    def unpack(cls, data: bytes | bytearray) -> Header:
        """The header at the beginning of ``data``."""
        return cls(*HEADER.unpack_from(data))

    @property
    def is_request(self) -> bool:
        """A message of the type of a command, without anything that only a reply has."""
        return self.flags in (0, HeaderFlag.NO_REPLY)

    @property
    def wants_reply(self) -> bool:
        return not self.flags & _NO_REPLY


def reply(request: Header, payload: bytes = b"", errno: int = 0) -> bytes:
    """The reply to ``request``; with ``errno`` an error reply without payload."""
    flags = _REPLY_AND_ERROR if errno else _REPLY
    return HEADER.pack(request.message_id, request.command, HEADER.size + len(payload), flags, errno) + payload


def sparse_mmap_capability(areas: list[tuple[int, int]]) -> bytes:
    """The capability that names the parts (offset, size in bytes) of a region which a client may map."""
    return b"".join(
        [
            _CAP_HEADER.pack(CAP_SPARSE_MMAP, 1, 0),
            _SPARSE_COUNT.pack(len(areas), 0),
            *(_SPARSE_AREA.pack(offset, size) for offset, size in areas),
        ]
    )
