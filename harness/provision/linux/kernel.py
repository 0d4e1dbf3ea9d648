# SPDX-License-Identifier: Apache-2.0
"""A distribution's kernel file made ready to start fast, and checked for what the guests of a bench need.

On x86-64 a distribution ships a bzImage: a compressed kernel behind code that unpacks it (kernel source,
Documentation/arch/x86/boot.rst, fields ``payload_offset`` and ``payload_length``). Unpacked here once instead of by the
emulated processor at every start, and entered through PVH (the ELF note ``XEN_ELFNOTE_PHYS32_ENTRY``), it starts some
seconds earlier. On arm64 the Image is not compressed, or by a plain compressor.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from harness.arch import Arch
from harness.errors import HarnessError
from harness.provision.linux import elf
from harness.provision.linux.compression import DamagedError, decompressed

_BZIMAGE_MAGIC_AT: Final = 0x202
_BZIMAGE_MAGIC: Final = b"HdrS"
_ARM64_MAGIC_AT: Final = 0x38
_ARM64_MAGIC: Final = b"ARM\x64"
_ZBOOT_MAGIC: Final = b"MZ\0\0zimg"  # kernel source, drivers/firmware/efi/libstub/zboot-header.S
_SECTOR: Final = 512
_PVH_ENTRY: Final = 18
_ROOM: Final = 48 << 20
_NEEDED_EVERYWHERE: Final = {
    "BLK_DEV_INITRD": "to start from an initial RAM file system",
    "DEVTMPFS": "for device nodes",
    "PROC_FS": "for /proc",
    "SYSFS": "for the PCI resource files",
    "TMPFS": "for /tmp",
    "UNIX98_PTYS": "for logins over SSH",
    "TTY": "for the console",
    "MODULES": "to load modules",
    "PCI": "for vdev shmem on PCI",
    "INET": "for SSH",
    "VIRTIO_PCI": "for the network",
    "VIRTIO_NET": "for the network",
    "UIO": "for interrupts of vdev shmem",
    "UIO_PCI_GENERIC": "for interrupts of vdev shmem",
}
_NEEDED: Final[Mapping[Arch, Mapping[str, str]]] = {
    "x86_64": {**_NEEDED_EVERYWHERE, "SERIAL_8250_CONSOLE": "for the console", "PVH": "to start without a boot loader"},
    "aarch64": {
        **_NEEDED_EVERYWHERE,
        "SERIAL_AMBA_PL011_CONSOLE": "for the console",
        "PCI_HOST_GENERIC": "for PCI",
    },
}
_MAY_BE_MODULES: Final = frozenset({"VIRTIO_PCI", "VIRTIO_NET", "UIO", "UIO_PCI_GENERIC"})


def bootable(kernel: bytes, arch: Arch, name: str) -> bytes:
    """The kernel in the form that guests start: a PVH ELF file on x86_64, an uncompressed Image on aarch64.

    ``name`` is what messages call it. Raises HarnessError when it is another architecture's, damaged, or of a kind that
    cannot be started.
    """
    image = _unpacked(kernel, name)
    found = _architecture(image)
    if found is None:
        raise HarnessError(
            f"{name} is not a Linux kernel that guests can boot", remedy="provide a bzImage, vmlinux or Image"
        )
    if found != arch:
        raise HarnessError(f"{name} is a kernel for {found}, the image is for {arch}", remedy=f"provide one for {arch}")
    if arch == "x86_64" and not _has_pvh_entry(image):
        raise HarnessError(f"{name} cannot be started without a boot loader", remedy="build it with CONFIG_PVH=y")
    return image


def check_options(config: str, arch: Arch, name: str, *, with_modules: bool = True) -> None:
    """Raise HarnessError that names each missing option of the kernel; ``config`` is the text of its build options.

    Without its modules, everything has to be built in.
    """
    options = dict(line.split("=", 1) for line in config.splitlines() if line.startswith("CONFIG_") and "=" in line)
    lacking = []
    for option, purpose in _NEEDED[arch].items():
        value = options.get(f"CONFIG_{option}", "n")
        wanted = "y or m" if with_modules and option in _MAY_BE_MODULES else "y"
        if value in wanted.split(" or "):
            continue
        lacking.append(f"CONFIG_{option} is {value}, needed is {wanted} ({purpose})")
    if lacking:
        raise HarnessError(
            f"{name} lacks options that guests need:\n  " + "\n  ".join(lacking), remedy="build it with these"
        )


def memory_needed(kernel: bytes) -> int:
    """How much RAM the kernel needs, in bytes: itself with its zeroed data, and room to work in (observed: 48 MiB)."""
    return _size_in_memory(kernel) + _ROOM


def _unpacked(kernel: bytes, name: str) -> bytes:
    payload = _payload(kernel)
    if payload is not None and not payload:
        raise HarnessError(f"{name} is damaged: it ends before its payload does")
    packed = payload is not None
    payload = payload or kernel
    try:
        plain = decompressed(payload)
    except DamagedError as error:
        raise HarnessError(f"{name} is damaged: {error}") from error
    if plain is None and packed and not payload.startswith(elf.MAGIC):
        raise HarnessError(
            f"{name} is compressed in a way that is unknown here (it begins with {payload[:4].hex()})",
            remedy="provide the uncompressed vmlinux",
        )
    return plain or payload


def _payload(kernel: bytes) -> bytes | None:
    """What code in front of the kernel would unpack; empty when it is cut off, None when there is no such code."""
    if kernel[_BZIMAGE_MAGIC_AT:][:4] == _BZIMAGE_MAGIC:
        setup_sectors = kernel[0x1F1] or 4
        offset, length = struct.unpack_from("<II", kernel, 0x248)
        start = (setup_sectors + 1) * _SECTOR + offset
    elif kernel[:8] == _ZBOOT_MAGIC:
        start, length = struct.unpack_from("<II", kernel, 8)
    else:
        return None
    return kernel[start : start + length] if start + length <= len(kernel) else b""


def _architecture(image: bytes) -> str | None:
    if image.startswith(elf.MAGIC):
        return elf.machine(image)
    return "aarch64" if image[_ARM64_MAGIC_AT:][:4] == _ARM64_MAGIC else None


def _has_pvh_entry(image: bytes) -> bool:
    """Whether a note says where to enter (Xen public headers, elfnote.h)."""
    contents = (image[part.offset :][: part.file_size] for part in elf.segments(image) if part.kind == elf.NOTE)
    return any((b"Xen", _PVH_ENTRY) in elf.notes(content) for content in contents)


def _size_in_memory(kernel: bytes) -> int:
    if kernel.startswith(elf.MAGIC):
        return sum(part.memory_size for part in elf.segments(kernel) if part.kind == elf.LOAD)
    return int(struct.unpack_from("<16xQ", kernel)[0])  # image_size of the arm64 header
