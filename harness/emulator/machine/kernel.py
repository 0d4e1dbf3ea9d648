# SPDX-License-Identifier: Apache-2.0
"""What a guest's first file is: its architecture decides the machine, and how it is entered the firmware."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from harness import provision
from harness.arch import Arch
from harness.shmem.config import ConfigError, Load

_ELF: Final = b"\x7fELF"
_ELF_MACHINE: Final[dict[int, Arch]] = {3: "x86_64", 62: "x86_64", 183: "aarch64"}
_HEAD: Final = 0x210
_ELF_64: Final = 2
_NOTES: Final = 4
_PVH_ENTRY: Final = struct.pack("<III4s", 4, 4, 18, b"Xen")
"""The note of a 32-bit entry (Xen public headers, elfnote.h, ``XEN_ELFNOTE_PHYS32_ENTRY``)."""
_LITTLE_FIRMWARE: Final = "qboot.rom"


def architecture(load: Load, path: Path) -> Arch:
    """Look into the file. Raises ConfigError when it is missing or of no kind that can be started."""
    try:
        if path.exists() and not path.is_file():
            # The open of a named pipe would wait for its writer.
            raise ConfigError("the file to load is no regular file", load.position, found=str(path))
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise ConfigError(
            f"cannot read the file to load: {error.strerror}",
            load.position,
            found=str(path),
            expected="a file that exists; relative paths start at the current directory",
        ) from error
    if (arch := _recognise(head)) is not None:
        return arch
    raise ConfigError(
        "cannot tell what kind of image this is",
        load.position,
        found=str(path),
        expected="an ELF file for x86-64 (multiboot or PVH) or AArch64, a Linux bzImage, or a Linux arm64 Image",
    )


def _recognise(head: bytes) -> Arch | None:
    if head.startswith(_ELF):
        return _ELF_MACHINE.get(int.from_bytes(head[18:20], "little"))
    if head[0x202:0x206] == b"HdrS":
        return "x86_64"
    return "aarch64" if head[0x38:0x3C] == b"ARM\x64" else None


def firmware(arch: Arch, kernel: Path) -> tuple[str, ...]:
    """QEMU's options for the firmware of a guest; none for the machine's usual one.

    A PC's usual firmware costs as much processor time as the rest of a start. An image with a PVH entry calls none
    (Xen, docs/misc/pvh.pandoc) and finds its PCI devices without addresses, as on AArch64.
    """
    if arch == "x86_64" and _has_pvh_entry(kernel) and provision.qemu(arch).has_firmware(_LITTLE_FIRMWARE):
        return "-bios", _LITTLE_FIRMWARE
    return ()


def _has_pvh_entry(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return any(_PVH_ENTRY in notes for notes in _notes(file))
    except (OSError, ValueError, struct.error):
        # Whoever loads the file says what is wrong with it.
        return False


def _notes(file: BinaryIO) -> Iterator[bytes]:
    """The segments of notes of an ELF-64 file, up to a page of each."""
    head = file.read(64)
    if not head.startswith(_ELF) or head[4] != _ELF_64:
        return
    (table,) = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    for number in range(count):
        file.seek(table + number * size)
        kind, _, offset, _, _, length = struct.unpack("<IIQQQQ", file.read(40))
        if kind == _NOTES:
            file.seek(offset)
            yield file.read(min(length, 4096))
