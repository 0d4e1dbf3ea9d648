# SPDX-License-Identifier: Apache-2.0
"""Which code of the image uses vector registers.

An interrupt handler of the image saves none. If it used some, or anything that it calls, a loop that the interrupt
stops would go on with other numbers: of 5,964 streams by signal on a PC, 63 had a message that seemed to arrive changed
(observed).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

import capstone
import pytest

from harness.arch import Arch
from harness.provision import probe_image
from harness.provision.images import ProbeVariant
from harness.provision.linux import elf

_LOOPS = {"copy", "copy_vectors", "read_vectors", "sums_of", "write_vectors"}
_SYMBOL = struct.Struct("<IBBHQQ")
_FUNCTION = 2
_WAYS = {
    "aarch64": (capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN, re.compile(r"[bhsdqv]\d+")),
    "x86_64": (capstone.CS_ARCH_X86, capstone.CS_MODE_64, re.compile(r"[xyz]?mm\d+|st\(\d\)|fpsw")),
}


def _functions(image: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Name, address and code of each function."""
    names = elf.section(image, ".strtab")
    parts = [part for part in elf.segments(image) if part.kind == elf.LOAD]
    for at, kind, _, _, address, size in _SYMBOL.iter_unpack(elf.section(image, ".symtab")):
        if kind & 0xF == _FUNCTION:
            (part,) = (part for part in parts if part.address <= address < part.address + part.file_size)
            start = part.offset + address - part.address
            yield names[at : names.index(b"\0", at)].decode(), address, image[start : start + size]


def _with_vectors(arch: Arch, variant: ProbeVariant) -> tuple[set[str], int]:
    """The functions with an instruction that reads or writes a vector register, and how many functions were read."""
    machine, mode, vector = _WAYS[arch]
    reader = capstone.Cs(machine, mode)
    reader.detail = True
    found, count = set(), 0
    for name, address, code in _functions(probe_image(arch, variant).read_bytes()):
        count += 1
        for instruction in reader.disasm(code, address):
            registers = {reader.reg_name(number) for group in instruction.regs_access() for number in group}
            if any(vector.fullmatch(register) for register in registers):
                found.add(name)
    return found, count


@pytest.mark.parametrize(("arch", "variant"), [("aarch64", ""), ("aarch64", "aarch64-2g"), ("x86_64", "")])
def test_the_measuring_loops_alone_have_vector_registers(arch: Arch, variant: ProbeVariant) -> None:
    found, count = _with_vectors(arch, variant)
    assert count > 200
    assert found == _LOOPS
