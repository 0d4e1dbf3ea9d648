# SPDX-License-Identifier: Apache-2.0
"""Faults in what a guest can see and change."""

from __future__ import annotations

from collections.abc import Callable

from harness.emulator.device.device import SharedMemoryDevice, Slot
from harness.emulator.device.regions import Registry
from harness.emulator.faults.registration import fault
from harness.shmem import registers as reg
from harness.shmem.status import Status

fault(
    name="mapping-kept-after-detach",
    group="isolation",
    text="the data stays visible after a detach",
    replace={
        (SharedMemoryDevice, "conceal"): lambda _: lambda self, number, slot: None,
    },
)


def _map_refused_region(original: Callable[..., None]) -> Callable[..., None]:
    def failed(self: SharedMemoryDevice, status: Status, size: int) -> None:
        original(self, status, size)
        name = bytes(self.factory.name).partition(b"\0")[0].decode("latin-1")
        region = self.requests.registry.find(name)
        if status != Status.NO_PERMISSION or region is None:
            return
        number = self.free_slot(region.pages)
        if number is not None:
            self.window.show(number, region.fd, region.pages)

    return failed


fault(
    name="refused-region-mapped",
    group="isolation",
    text="the data of a refused region is in the window",
    replace={
        (SharedMemoryDevice, "failed"): _map_refused_region,
    },
)


def _map_other_regions_behind(original: Callable[..., None]) -> Callable[..., None]:
    def show(self: SharedMemoryDevice, number: int, slot: Slot) -> None:
        original(self, number, slot)
        for region in self.requests.registry:
            if region is not slot.client.region:
                behind = (number + 1) % len(self.slots)
                self.window.show(behind, region.fd, min(region.pages, self.window.room(behind)))

    return show


fault(
    name="neighbour-mapped",
    group="isolation",
    text="another region lies behind the next slot",
    replace={
        (SharedMemoryDevice, "show"): _map_other_regions_behind,
    },
)


fault(
    name="first-region-everywhere",
    group="isolation",
    text="every connection shows the data of the host's first region",
    replace={
        (SharedMemoryDevice, "show"): lambda _: (
            lambda self, number, slot: self.window.show(
                number, next(iter(self.requests.registry)).fd, min(slot.pages, next(iter(self.requests.registry)).pages)
            )
        ),
    },
)


fault(
    name="page-missing",
    group="isolation",
    text="the last page of a region is private memory",
    replace={
        (SharedMemoryDevice, "show"): lambda _: (
            lambda self, number, slot: (
                self.window.show(number, slot.client.region.fd, slot.pages - 1)
                if slot.pages > 1
                else self.window.hide(number, 1)
            )
        ),
    },
)


fault(
    name="page-too-many",
    group="isolation",
    text="one page behind the region is shared, too",
    replace={
        (Registry, "content"): lambda original: lambda self, name, pages: original(self, name, pages + 1),
        (SharedMemoryDevice, "show"): lambda _: (
            lambda self, number, slot: self.window.show(number, slot.client.region.fd, slot.pages + 1)
        ),
    },
)


fault(
    name="index-writable",
    group="isolation",
    text="idx can be written",
    replace={
        (SharedMemoryDevice, "store_control"): lambda original: (
            lambda self, number, offset, data: (
                setattr(self.slots[number].client, "index", data[0] & 15)
                if offset == reg.CONTROL_IDX_OFFSET and self.slots[number]
                else original(self, number, offset, data)
            )
        ),
    },
)


def _conceal_pages_of_first_region(original: Callable[..., None]) -> Callable[..., None]:
    def conceal(self: SharedMemoryDevice, number: int, slot: Slot) -> None:
        first = vars(self).setdefault("first_sizes", {}).setdefault(number, slot.pages)
        original(self, number, Slot(slot.client, min(first, slot.pages)))

    return conceal


fault(
    name="slot-keeps-first-size",
    group="isolation",
    text="a detach removes as many pages as the first region in this slot had",
    replace={
        (SharedMemoryDevice, "conceal"): _conceal_pages_of_first_region,
    },
)


_CUT_LENGTH = 16


fault(
    name="names-cut",
    group="isolation",
    text="names that begin with the same sixteen characters are one region",
    replace={
        (Registry, "find"): lambda _: (
            lambda self, name, pages=None: next(
                (each for each in self if each.name[:_CUT_LENGTH] == name[:_CUT_LENGTH]), None
            )
        ),
    },
)


_FIRST_MEGABYTE = 256


fault(
    name="first-megabyte-shared",
    group="isolation",
    text="what lies beyond the first megabyte of a region is private memory",
    replace={
        (SharedMemoryDevice, "show"): lambda _: (
            lambda self, number, slot: self.window.show(number, slot.client.region.fd, min(slot.pages, _FIRST_MEGABYTE))
        ),
    },
)


_SEVEN_BITS = 0x7F


def _without_top_bits(name: str) -> str:
    return "".join(chr(ord(character) & _SEVEN_BITS) for character in name)


fault(
    name="names-seven-bits",
    group="isolation",
    text="names that differ only in the top bit of a byte are one region",
    replace={
        (Registry, "find"): lambda _: (
            lambda self, name, pages=None: next(
                (each for each in self if _without_top_bits(each.name) == _without_top_bits(name)), None
            )
        ),
    },
)
