# SPDX-License-Identifier: Apache-2.0
"""Faults in where the device is and how it is found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.factory import FactoryPage
from harness.emulator.device.function import ShmemFunction
from harness.emulator.device.pci_config import BAR0, COMMAND, COMMAND_MEMORY, ConfigSpace
from harness.emulator.device.rules import Rules
from harness.emulator.faults.registration import fault
from harness.emulator.machine import devices, devicetree, guest
from harness.emulator.machine.lines import GicLine, IoApicLine
from harness.emulator.vfio_user.function import Region as FunctionRegion
from harness.emulator.vfio_user.wire import PciRegion
from harness.shmem import registers as reg


def _use_next_line(original: Callable[..., None]) -> Callable[..., None]:
    def start(self: Any, qtest: Any, *position: Any, **options: Any) -> None:
        *before, number = position
        original(self, qtest, *before, number + 1, **options)

    return start


fault(
    name="line-off-by-one",
    group="placement",
    text="the interrupt comes on the next line",
    replace={
        (GicLine, "__init__"): _use_next_line,
        (IoApicLine, "__init__"): _use_next_line,
    },
)


def _show_one_page_further(original: Callable[..., Any]) -> Callable[..., Any]:
    async def show_at(qtest: Any, board: Any, placement: Any) -> None:
        await original(qtest, board, dataclasses.replace(placement, loc=placement.loc + reg.PAGE_SIZE))

    return show_at


fault(
    name="mmio-address-off",
    group="placement",
    text="a memory-mapped device is one page further",
    replace={
        (devices, "show_at"): _show_one_page_further,
    },
)


fault(
    name="mmio-pci-visible",
    group="placement",
    text="a memory-mapped device is on the PCI bus, too",
    replace={
        (ConfigSpace, "read"): lambda _: lambda self, offset, length: self.stored(offset, length),
    },
)


def _with_bit_turned(data: bytes, offset: int, position: int) -> bytes:
    """The data of a configuration read with bit 0 of the byte at ``position`` turned."""
    if not offset <= position < offset + len(data) or data[position - offset] == 0xFF:
        return data
    changed = bytearray(data)
    changed[position - offset] ^= 1
    return bytes(changed)


fault(
    name="pci-device-id",
    group="placement",
    text="the PCI function has another device number",
    replace={
        (ConfigSpace, "read"): lambda original: (
            lambda self, offset, length: _with_bit_turned(original(self, offset, length), offset, 2)
        ),
    },
)


fault(
    name="pci-bar-io",
    group="placement",
    text="BAR 0 says that it is I/O space",
    replace={
        (ConfigSpace, "read"): lambda original: (
            lambda self, offset, length: _with_bit_turned(original(self, offset, length), offset, BAR0)
        ),
    },
)


fault(
    name="bar-too-small",
    group="placement",
    text="BAR 0 is half a page",
    replace={
        (ShmemFunction, "region"): lambda original: (
            lambda self, index: FunctionRegion(reg.PAGE_SIZE // 2) if index == PciRegion.BAR0 else original(self, index)
        ),
    },
)


def _end_window_after_two_slots(region: FunctionRegion, function: ShmemFunction) -> FunctionRegion:
    size = function.device.window.places[2].offset
    return dataclasses.replace(region, size=size, mappable=tuple(part for part in region.mappable if part[0] < size))


fault(
    name="window-too-small",
    group="placement",
    text="BAR 2 ends behind the second of its slots",
    replace={
        (ShmemFunction, "region"): lambda original: (
            lambda self, index: (
                _end_window_after_two_slots(original(self, index), self)
                if index == PciRegion.BAR2
                else original(self, index)
            )
        ),
    },
)


fault(
    name="vector-off-by-one",
    group="placement",
    text="vector is not the line",
    replace={
        (FactoryPage, "__init__"): lambda original: lambda self, vector, profile: original(self, vector + 1, profile),
    },
)


fault(
    name="tree-line-wrong",
    group="placement",
    text="the device tree names another interrupt",
    replace={
        (devicetree, "FIRST_SPI"): lambda original: original + 1,
    },
)


fault(
    name="tree-node-missing",
    group="placement",
    text="the device tree has no node for the device",
    replace={
        (guest, "with_devices"): lambda original: lambda blob, _placements: original(blob, []),
    },
)


def _show_other_devices_to_rules(original: Callable[..., None]) -> Callable[..., None]:
    def make(self: SharedMemoryDevice, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        vars(self.requests.rules)["devices"] = self.others

    return make


def _close_all_lists_by_one_allow(original: Callable[..., bool]) -> Callable[..., bool]:
    def implicit(self: Rules) -> bool:
        lists = [device.requests.rules.list for device in vars(self)["devices"]]
        return original(self) and not any(rule.kind == "allow" for rules in lists for rule in rules)

    return implicit


fault(
    name="implicit-deny-of-all-devices",
    group="placement",
    text="one allow closes the lists of all devices of the VM",
    replace={
        (SharedMemoryDevice, "__init__"): _show_other_devices_to_rules,
        (Rules, "implicit"): _close_all_lists_by_one_allow,
    },
)


_LINE_BITS = 0xFF


fault(
    name="line-eight-bits",
    group="placement",
    text="the interrupt comes on the line modulo 256",
    replace={
        (GicLine, "__init__"): lambda original: lambda self, qtest, intid: original(self, qtest, intid & _LINE_BITS),
    },
)


def _reset_when_memory_goes_off(original: Callable[..., None]) -> Callable[..., None]:
    def write(self: ShmemFunction, index: int, offset: int, data: bytes) -> None:
        before = self.config.stored(COMMAND, 1)[0]
        original(self, index, offset, data)
        if before & ~self.config.stored(COMMAND, 1)[0] & COMMAND_MEMORY:
            self.device.reset()

    return write


fault(
    name="memory-off-detaches",
    group="placement",
    text="the connections end when the guest switches the memory of the PCI function off for a moment",
    replace={
        (ShmemFunction, "write"): _reset_when_memory_goes_off,
    },
)


def _use_rules_of_first_device(original: Callable[..., None]) -> Callable[..., None]:
    def make(self: SharedMemoryDevice, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        others = options["others"]
        if others and others[0] is not self:
            self.requests.rules = others[0].requests.rules

    return make


fault(
    name="second-device-rules",
    group="placement",
    text="every device of a VM has the rules of its first one",
    replace={
        (SharedMemoryDevice, "__init__"): _use_rules_of_first_device,
    },
)


def _copy_name_to_other_devices(original: Callable[..., None]) -> Callable[..., None]:
    def store_factory(self: SharedMemoryDevice, offset: int, data: bytes) -> None:
        original(self, offset, data)
        for other in self.others:
            other.factory.name[:] = self.factory.name

    return store_factory


fault(
    name="name-shared-by-devices",
    group="placement",
    text="the devices of a VM have one name register",
    replace={
        (SharedMemoryDevice, "store_factory"): _copy_name_to_other_devices,
    },
)
