# SPDX-License-Identifier: Apache-2.0
"""Reads what an image builder has to know of ELF files (64 bits, little endian; System V ABI, chapters 4 and 5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

MAGIC: Final = b"\x7fELF"
LOAD: Final = 1
_DYNAMIC: Final = 2
_INTERPRETER: Final = 3
NOTE: Final = 4
_NEEDED: Final = 1
_SYMBOL_BYTES: Final = 24
_MACHINES: Final[Mapping[int, str]] = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv"}


class ElfError(Exception):
    """The file is no ELF file of 64 bits, or ends in the middle."""


@dataclass(frozen=True)
class Segment:
    """A program header: its kind, where it lies in the file, and its size there and in memory."""

    kind: int
    offset: int
    address: int
    file_size: int
    memory_size: int


def machine(elf: bytes) -> str:
    """The architecture, by the name that the kernel uses. Of 32-bit files, too."""
    if not elf.startswith(MAGIC) or len(elf) < 20:
        raise ElfError("not an ELF file")
    number = int.from_bytes(elf[18:20], "little")
    return _MACHINES.get(number, f"ELF machine {number}")


def segments(elf: bytes) -> list[Segment]:
    """All program headers."""
    _check(elf)
    table, entry_size, count = _unpack("<32xQ14xHH", elf, 0)
    return [Segment(*_unpack("<I4xQQ8xQQ", elf, table + index * entry_size)) for index in range(count)]


def section(elf: bytes, wanted: str) -> bytes:
    """The content of a section. Raises ElfError when there is none of this name."""
    _check(elf)
    table, entry_size, count, names_at = _unpack("<40xQ10xHHH", elf, 0)
    # Name, offset in the file, size.
    headers = [_unpack("<I20xQQ", elf, table + index * entry_size) for index in range(count)]
    if names_at >= count:
        raise ElfError("it has no names of sections")
    _, names_offset, names_size = headers[names_at]
    names = elf[names_offset : names_offset + names_size]
    for name, offset, size in headers:
        if _text(names, name) == wanted:
            return elf[offset : offset + size]
    raise ElfError(f"it has no section {wanted}")


def needed_libraries(elf: bytes) -> list[str]:
    """What the dynamic loader has to bring, by the names in the file; the loader itself (a path) comes first."""
    found: list[str] = []
    parts = segments(elf)
    for part in parts:
        content = elf[part.offset : part.offset + part.file_size]
        if part.kind == _INTERPRETER:
            found.append(content.rstrip(b"\0").decode())
        elif part.kind == _DYNAMIC:
            found += _needed(elf, parts, content)
    return found


def undefined_symbols(elf: bytes) -> list[str]:
    """What an object file uses and does not have, in its order."""
    symbols, names = section(elf, ".symtab"), section(elf, ".strtab")
    # Name, index of the section that has it.
    entries = (_unpack("<I2xH", symbols, at) for at in range(0, len(symbols), _SYMBOL_BYTES))
    return [_text(names, name) for name, section in entries if name and not section]


def notes(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Owner and type of each note in the content of a note segment."""
    at = 0
    while at + 12 <= len(content):
        name_size, size, kind = _unpack("<III", content, at)
        yield content[at + 12 :][:name_size].rstrip(b"\0"), kind
        at += 12 + -(-name_size // 4) * 4 + -(-size // 4) * 4


def _needed(elf: bytes, parts: list[Segment], dynamic: bytes) -> list[str]:
    entries = [_unpack("<QQ", dynamic, at) for at in range(0, len(dynamic) - 15, 16)]
    strings_address = next((value for tag, value in entries if tag == 5), None)
    names = [value for tag, value in entries if tag == _NEEDED]
    if strings_address is None or not names:
        return []
    for part in parts:
        if part.kind == LOAD and part.address <= strings_address < part.address + part.file_size:
            strings = part.offset + strings_address - part.address
            return [_text(elf, strings + name) for name in names]
    raise ElfError("its table of strings is not in the file")


def _check(elf: bytes) -> None:
    if elf[:6] != MAGIC + b"\x02\x01":
        raise ElfError("not an ELF file of 64 bits")


def _unpack(form: str, data: bytes, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, at)
    except struct.error as error:
        raise ElfError("it is truncated") from error


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode(errors="replace") if b"\0" in data[at : at + 4096] else ""
