# SPDX-License-Identifier: Apache-2.0
"""Which architecture a guest's first file is for: that decides the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from harness.arch import Arch
from harness.shmem.config import ConfigError, Load

_ELF: Final = b"\x7fELF"
_ELF_MACHINE: Final[dict[int, Arch]] = {3: "x86_64", 62: "x86_64", 183: "aarch64"}
_HEAD: Final = 0x210


def architecture(load: Load, path: Path) -> Arch:
    """Look into the file. Raises ConfigError when it is missing or of no kind that can be started."""
    try:
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
