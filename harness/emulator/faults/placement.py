# SPDX-License-Identifier: Apache-2.0
"""Faults in where the device is and how it is found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.factory import FactoryPage
from harness.emulator.device.function import ShmemFunction
from harness.emulator.device.pci_config import BAR0, COMMAND, COMMAND_MEMORY, ConfigSpace
from harness.emulator.device.rules import Rules
from harness.emulator.faults.catalogue import Patches, fault, fault_in
from harness.emulator.machine import devices, devicetree, guest
from harness.emulator.machine.lines import GicLine, IoApicLine
from harness.emulator.vfio_user.function import Region as FunctionRegion
from harness.emulator.vfio_user.wire import PciRegion
from harness.shmem import registers as reg

_factory = partial(fault_in, FactoryPage, "placement")


def _next_line(was: Callable[..., None]) -> Callable[..., None]:
    def start(self: Any, qtest: Any, *place: Any, **options: Any) -> None:
        *before, number = place
        was(self, qtest, *before, number + 1, **options)

    return start


@fault("line-off-by-one", "placement", "the interrupt comes on the next line")
def _line_off(patches: Patches) -> None:
    patches.replace(GicLine, "__init__", _next_line)
    patches.replace(IoApicLine, "__init__", _next_line)


@fault("mmio-address-off", "placement", "a memory-mapped device is one page further")
def _address_off(patches: Patches) -> None:
    def make(was: Callable[..., Any]) -> Callable[..., Any]:
        async def show_at(qtest: Any, arch: Any, placement: Any) -> None:
            await was(qtest, arch, dataclasses.replace(placement, loc=placement.loc + reg.PAGE_SIZE))

        return show_at

    patches.replace(devices, "show_at", make)


fault_in(
    ConfigSpace,
    "placement",
    "mmio-pci-visible",
    "a memory-mapped device is on the PCI bus, too",
    "read",
    lambda _: lambda self, offset, length: self.stored(offset, length),
)
fault_in(
    ConfigSpace,
    "placement",
    "pci-device-id",
    "the PCI function has another device number",
    "read",
    lambda was: lambda self, offset, length: _or_at(was(self, offset, length), offset, 2),
)
fault_in(
    ConfigSpace,
    "placement",
    "pci-bar-io",
    "BAR 0 says that it is I/O space",
    "read",
    lambda was: lambda self, offset, length: _or_at(was(self, offset, length), offset, BAR0),
)


fault_in(
    ShmemFunction,
    "placement",
    "bar-too-small",
    "BAR 0 is half a page",
    "region",
    lambda was: lambda self, index: FunctionRegion(reg.PAGE_SIZE // 2) if index == PciRegion.BAR0 else was(self, index),
)
fault_in(
    ShmemFunction,
    "placement",
    "window-too-small",
    "BAR 2 ends behind the second of its slots",
    "region",
    lambda was: (
        lambda self, index: _cut_window(was(self, index), self) if index == PciRegion.BAR2 else was(self, index)
    ),
)


def _cut_window(region: FunctionRegion, function: ShmemFunction) -> FunctionRegion:
    size = 2 * function.device.window.slot_size
    return dataclasses.replace(region, size=size, mappable=tuple(part for part in region.mappable if part[0] < size))


def _or_at(data: bytes, offset: int, place: int) -> bytes:
    """The data of a configuration read with bit 0 of the byte at ``place`` turned."""
    if not offset <= place < offset + len(data) or data[place - offset] == 0xFF:
        return data
    changed = bytearray(data)
    changed[place - offset] ^= 1
    return bytes(changed)


_factory(
    "vector-off-by-one",
    "vector is not the line",
    "__init__",
    lambda was: lambda self, vector, profile: was(self, vector + 1, profile),
)


@fault("tree-line-wrong", "placement", "the device tree names another interrupt")
def _tree_line(patches: Patches) -> None:
    patches.replace(devicetree, "FIRST_SPI", lambda was: was + 1)


@fault("tree-node-missing", "placement", "the device tree has no node for the device")
def _tree_missing(patches: Patches) -> None:
    patches.replace(guest, "with_devices", lambda was: lambda blob, _placements: was(blob, []))


def _know_others(was: Callable[..., None]) -> Callable[..., None]:
    def make(self: SharedMemoryDevice, *arguments: Any, **options: Any) -> None:
        was(self, *arguments, **options)
        vars(self.requests.rules)["devices"] = self.others

    return make


def _implicit_of_all(was: Callable[..., bool]) -> Callable[..., bool]:
    def implicit(self: Rules) -> bool:
        lists = [device.requests.rules.list for device in vars(self)["devices"]]
        return was(self) and not any(rule.kind == "allow" for rules in lists for rule in rules)

    return implicit


@fault("implicit-deny-of-all-devices", "placement", "one allow closes the lists of all devices of the VM")
def _implicit_deny_of_all(patches: Patches) -> None:
    patches.replace(SharedMemoryDevice, "__init__", _know_others)
    patches.replace(Rules, "implicit", _implicit_of_all)


_LINE_BITS = 0xFF


@fault("line-eight-bits", "placement", "the interrupt comes on the line modulo 256")
def _line_eight_bits(patches: Patches) -> None:
    patches.replace(GicLine, "__init__", lambda was: lambda self, qtest, intid: was(self, qtest, intid & _LINE_BITS))


def _reset_with_memory(was: Callable[..., None]) -> Callable[..., None]:
    def write(self: ShmemFunction, index: int, offset: int, data: bytes) -> None:
        before = self.config.stored(COMMAND, 1)[0]
        was(self, index, offset, data)
        if before & ~self.config.stored(COMMAND, 1)[0] & COMMAND_MEMORY:
            self.device.reset()

    return write


fault_in(
    ShmemFunction,
    "placement",
    "memory-off-detaches",
    "the connections end when the guest switches the memory of the PCI function off for a moment",
    "write",
    _reset_with_memory,
)
