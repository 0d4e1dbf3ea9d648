# SPDX-License-Identifier: Apache-2.0
"""The AArch64 image with its device tree in each place where a loader may leave it, and without one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.guest.probe import Probe
from harness.provision import probe_image
from harness.provision.images import ProbeVariant
from tests.probe.machine import Machine, booted, loader_image

_RAM = 0x4000_0000
_TOLD = 0x4F00_0000
_MACHINE = ("-machine", "virt,virtualization=on,gic-version=3", "-cpu", "cortex-a53")
_TREE = int.from_bytes(bytes.fromhex("d00dfeed"), "little")
_MIB = 1 << 20


def _end(image: Path) -> int:
    """The first address behind what an ELF64 file takes in memory."""
    content = image.read_bytes()

    def word(at: int, size: int) -> int:
        return int.from_bytes(content[at : at + size], "little")

    first, size, count = word(32, 8), word(54, 2), word(56, 2)
    parts = [first + number * size for number in range(count) if word(first + number * size, 4) == 1]
    return max(word(part + 24, 8) + word(part + 40, 8) for part in parts)


@contextlib.contextmanager
def _started(
    tree: int, x0: int, *, foundation: bool = False, ram: int = _RAM, variant: ProbeVariant = "", memory: int = 256
) -> Iterator[Machine]:
    """The probe in a guest of a small hypervisor, with the device tree at `tree` (0: nowhere)."""
    image = probe_image("aarch64", variant)
    words = (tree, x0, ram + 0x20_0000, foundation)
    told = [
        word
        for number, value in enumerate(words)
        for word in ("-device", f"loader,addr={_TOLD + 8 * number:#x},data={int(value):#x},data-len=8")
    ]
    arguments = (*_MACHINE, "-device", f"loader,file={image}", *told)
    with booted("aarch64", arguments, loader_image("arm_loader", "aarch64"), memory=memory) as machine:
        yield machine


def _behind(distance: int) -> int:
    return (_end(probe_image("aarch64")) + 4095) // 4096 * 4096 + distance


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (lambda: (0x4A00_0000, 0x4A00_0000), "in x0"),
        (lambda: (_RAM, 0), "at the start of RAM"),
        (lambda: (_behind(0), 0), "behind the image"),
        (lambda: (_behind(0x123000), 0), "behind the image"),
        # A loader that knows the file's size and not that of the image in memory.
        (lambda: (_behind(-0x40000) + 8, _behind(-0x40000) + 8), "in x0"),
    ],
    ids=["x0", "start of RAM", "behind", "far behind", "x0 inside"],
)
def test_the_tree_is_found(place: object, words: str) -> None:
    assert callable(place)
    with _started(*place()) as machine:
        identity = Probe(machine.transport).identify()
        assert identity.loader == f"device tree {words}"
        assert [(part.address, part.size) for part in identity.ram] == [(_RAM, 256 * _MIB)]


@pytest.mark.parametrize(("variant", "ram", "memory"), [("", _RAM, 256), ("aarch64-2g", 0x8000_0000, 2560)])
def test_without_a_tree_the_devices_are_those_of_the_foundation_model(
    variant: ProbeVariant, ram: int, memory: int
) -> None:
    with _started(0, 0, foundation=True, ram=ram, variant=variant, memory=memory) as machine:
        probe = Probe(machine.transport)
        identity = probe.identify()
        first = machine.transport.line("probe: ")
        assert "no device tree" in first
        assert "PL011 at 0x1c090000 (gic:37), GIC version 3 at 0x2f000000 and 0x2f100000, no PCI" in first
        assert first == machine.transport.said.decode().strip().splitlines()[0].strip()
        assert identity.loader == "no device tree"
        assert [part.address for part in identity.ram] == [ram]
        assert probe.find() == ()


def test_a_tree_in_the_middle_of_ram_stays_as_it_is() -> None:
    """Private memory would begin where it is."""
    tree = (_end(probe_image("aarch64")) + 2 * _MIB - 1) // (2 * _MIB) * (2 * _MIB)
    with _started(tree, tree) as machine:
        probe = Probe(machine.transport)
        before = [probe.read("phys", tree + 8 * number, 8) for number in range(64)]
        assert before[0] & 0xFFFF_FFFF == _TREE
        probe.bench("write", "private", 64, 4 * _MIB, span=4 * _MIB)
        assert [probe.read("phys", tree + 8 * number, 8) for number in range(64)] == before
