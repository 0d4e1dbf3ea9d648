# SPDX-License-Identifier: Apache-2.0
"""The register pages of the device, as its clients see them.

Offsets follow from the natural layout of the structures in the published client header ``guest_shm.h`` (2016 and 2018
editions); all registers are little-endian. The offset of ``flags`` is an inference: the 8.0 header appends it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

PAGE_SIZE: Final = 4096
"""Bytes of a factory page, of a control page, and of the unit in which guests and hosts count sizes."""
MAX_CLIENTS: Final = 16
"""Simultaneous connections to one region, host clients included."""
NAME_SIZE: Final = 32
"""Bytes of the ``name`` register; clients write at most 31 characters and a NUL."""
MAX_NAME_LENGTH: Final = NAME_SIZE - 1

SIGNATURE: Final = 0x4D534732474D5651
"""Value of the ``signature`` register; its bytes in memory spell ``QVMG2GSM``."""
PCI_VENDOR: Final = 0x1C05
PCI_DEVICE: Final = 0x0001
PCI_COMMAND: Final = 0x04
"""Offset of the command register in the configuration space (PCI Local Bus Specification 3.0, section 6.2.2)."""
PCI_COMMAND_MEMORY: Final = 1 << 1
PCI_COMMAND_NO_PIN: Final = 1 << 10
"""Its bits: the function takes accesses to memory; it keeps its interrupt pin from being asserted."""
PCI_STATUS: Final = 0x06
PCI_STATUS_INTERRUPT: Final = 1 << 3
"""The status register, and the bit that tells of a pending interrupt (section 6.2.3)."""
PCI_BARS: Final = range(0x10, 0x28, 4)
"""The registers of addresses (section 6.2.5.1)."""
PCI_READ_ONLY: Final = (
    range(0x04),
    range(0x08, 0x0C),
    range(0x0E, 0x0F),
    range(0x2C, 0x30),
    range(0x34, 0x35),
    range(0x3D, 0x3E),
)
"""Registers of the header that no store changes: identifiers, revision and class, header type, subsystem, capabilities,
interrupt pin (PCI Local Bus Specification 3.0, section 6.2)."""
FDT_COMPATIBLE: Final = "qvm,guest_shm"

# Factory page.
SIGNATURE_OFFSET: Final = 0x00
SHMEM_OFFSET: Final = 0x08
VECTOR_OFFSET: Final = 0x10
STATUS_OFFSET: Final = 0x14
SIZE_OFFSET: Final = 0x18
NAME_OFFSET: Final = 0x1C
FIND_OFFSET: Final = 0x3C
FLAGS_OFFSET: Final = 0x40
FACTORY_END: Final = 0x44
"""First offset of the factory page that holds no register in any known release."""

# Control page. Data begins one page after it.
CONTROL_STATUS_OFFSET: Final = 0x0
CONTROL_IDX_OFFSET: Final = 0x4
CONTROL_NOTIFY_OFFSET: Final = 0x8
CONTROL_DETACH_OFFSET: Final = 0xC
CONTROL_END: Final = 0x10
DATA_OFFSET: Final = PAGE_SIZE

STATUS_PENDING_MASK: Final = 0x0000_FFFF
"""Control status: indices of the clients that have signalled the reader since its last read."""
STATUS_MEMBERS_SHIFT: Final = 16
"""Control status: the bits from here up are the indices that are connected."""
NOTIFY_ALL_OTHERS: Final = 0xFFFF_FFFF
"""Written to ``notify``: every other client, not the sender."""
NOTIFY_ALL: Final = 0x0000_FFFF
"""Written to ``notify``: every client, the sender too."""


class Register(NamedTuple):
    """A register: its name, its offset in the page and its width, both in bytes."""

    name: str
    offset: int
    width: int


FACTORY: Final[tuple[Register, ...]] = (
    Register("signature", SIGNATURE_OFFSET, 8),
    Register("shmem", SHMEM_OFFSET, 8),
    Register("vector", VECTOR_OFFSET, 4),
    Register("status", STATUS_OFFSET, 4),
    Register("size", SIZE_OFFSET, 4),
    Register("name", NAME_OFFSET, NAME_SIZE),
    Register("find", FIND_OFFSET, 4),
    Register("flags", FLAGS_OFFSET, 4),
)
CONTROL: Final[tuple[Register, ...]] = (
    Register("status", CONTROL_STATUS_OFFSET, 4),
    Register("idx", CONTROL_IDX_OFFSET, 4),
    Register("notify", CONTROL_NOTIFY_OFFSET, 4),
    Register("detach", CONTROL_DETACH_OFFSET, 4),
)


def pages(size_bytes: int) -> int:
    """Pages that hold ``size_bytes`` bytes, rounded up."""
    return -(-size_bytes // PAGE_SIZE)
