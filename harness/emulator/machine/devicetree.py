# SPDX-License-Identifier: Apache-2.0
"""The device tree of an AArch64 guest: QEMU's own, and a node for each memory-mapped ``vdev shmem``.

The form of the node is what clients of the real device look for (the vendor's sample driver; a public dump of a
production guest's device tree): compatible ``qvm,guest_shm`` below a ``/vdevs`` bus, one page of ``reg``, one shared
peripheral interrupt.
"""

from __future__ import annotations

from collections.abc import Iterable

import fdt

from harness.emulator.machine.placement import FIRST_SPI, Placement
from harness.narrow import present
from harness.shmem.registers import FDT_COMPATIBLE, PAGE_SIZE

_SPI = 0
_EDGE_RISING = 1
_LEVEL_HIGH = 4


def with_devices(blob: bytes, placements: Iterable[Placement]) -> bytes:
    """The tree ``blob`` with the devices added."""
    tree = fdt.parse_dtb(blob)
    bus = fdt.Node("vdevs")
    bus.append(fdt.PropStrings("compatible", "simple-bus"))
    bus.append(fdt.PropWords("#address-cells", 2))
    bus.append(fdt.PropWords("#size-cells", 2))
    bus.append(fdt.Property("ranges"))
    for placement in placements:
        bus.append(_node(placement))
    tree.root.append(bus)
    return bytes(tree.to_dtb(version=17))


def _node(placement: Placement) -> fdt.Node:
    loc = present(placement.loc)
    node = fdt.Node(f"qnx,guest_shm@{loc:x}")
    node.append(fdt.PropStrings("compatible", FDT_COMPATIBLE))
    node.append(fdt.PropWords("reg", loc >> 32, loc & 0xFFFF_FFFF, 0, PAGE_SIZE))
    if placement.line is not None:
        trigger = _LEVEL_HIGH if placement.level else _EDGE_RISING
        node.append(fdt.PropWords("interrupts", _SPI, placement.line - FIRST_SPI, trigger))
    return node
