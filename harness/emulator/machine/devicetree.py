# SPDX-License-Identifier: Apache-2.0
"""The device tree of an AArch64 guest: QEMU's own, and a node for each memory-mapped ``vdev shmem``.

The form of the node is what clients of the real device look for (the vendor's sample driver; a public dump of a
production guest's device tree): compatible ``qvm,guest_shm`` below a ``/vdevs`` bus, one page of ``reg``, one shared
peripheral interrupt.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final, NamedTuple

import fdt

from harness.emulator.machine.placement import FIRST_SPI, Placement
from harness.narrow import present
from harness.shmem.registers import FDT_COMPATIBLE, PAGE_SIZE

_SPI = 0
_EDGE_RISING = 1
_LEVEL_HIGH = 4
_KEPT: Final = 64


class _Device(NamedTuple):
    """All that a node says of a device; the interrupt is None or the number of a shared peripheral interrupt."""

    loc: int
    interrupt: int | None
    level: bool

    @classmethod
    def of(cls, placement: Placement) -> _Device:
        interrupt = None if placement.line is None else placement.line - FIRST_SPI
        return cls(present(placement.loc), interrupt, placement.level)


def with_devices(blob: bytes, placements: Iterable[Placement]) -> bytes:
    """The tree ``blob`` with the devices added."""
    return _tree(blob, tuple(map(_Device.of, placements)))


@functools.lru_cache(maxsize=_KEPT)
def _tree(blob: bytes, devices: tuple[_Device, ...]) -> bytes:
    """Nearly all guests have their devices at the same few places, and to read the blob takes milliseconds."""
    tree = fdt.parse_dtb(blob)
    bus = fdt.Node("vdevs")
    bus.append(fdt.PropStrings("compatible", "simple-bus"))
    bus.append(fdt.PropWords("#address-cells", 2))
    bus.append(fdt.PropWords("#size-cells", 2))
    bus.append(fdt.Property("ranges"))
    for device in devices:
        bus.append(_node(device))
    tree.root.append(bus)
    return bytes(tree.to_dtb(version=17))


def _node(device: _Device) -> fdt.Node:
    node = fdt.Node(f"qnx,guest_shm@{device.loc:x}")
    node.append(fdt.PropStrings("compatible", FDT_COMPATIBLE))
    node.append(fdt.PropWords("reg", device.loc >> 32, device.loc & 0xFFFF_FFFF, 0, PAGE_SIZE))
    if device.interrupt is not None:
        trigger = _LEVEL_HIGH if device.level else _EDGE_RISING
        node.append(fdt.PropWords("interrupts", _SPI, device.interrupt, trigger))
    return node
