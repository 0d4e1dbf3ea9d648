# SPDX-License-Identifier: Apache-2.0
"""Faults in what a guest can see and change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from harness.emulator.device.device import SharedMemoryDevice, Slot
from harness.emulator.device.regions import Registry
from harness.emulator.faults.catalogue import Patches, fault, fault_in
from harness.shmem import registers as reg
from harness.shmem.status import Status

_device = partial(fault_in, SharedMemoryDevice, "isolation")


_device(
    "mapping-kept-after-detach",
    "the data stays visible after a detach",
    "conceal",
    lambda _: lambda self, number, slot: None,
)


def _show_denied(was: Callable[..., None]) -> Callable[..., None]:
    def failed(self: SharedMemoryDevice, status: Status, size: int) -> None:
        was(self, status, size)
        name = bytes(self.factory.name).partition(b"\0")[0].decode("latin-1")
        region, number = self.requests.registry.find(name), self.free_slot()
        if status == Status.NO_PERMISSION and region is not None and number is not None:
            self.window.show(number, region.fd, region.pages)

    return failed


_device("refused-region-mapped", "the data of a refused region is in the window", "failed", _show_denied)


def _show_neighbour(was: Callable[..., None]) -> Callable[..., None]:
    def show(self: SharedMemoryDevice, number: int, slot: Slot) -> None:
        was(self, number, slot)
        for region in self.requests.registry:
            if region is not slot.client.region:
                self.window.show((number + 1) % len(self.slots), region.fd, region.pages)

    return show


_device("neighbour-mapped", "another region lies behind the next slot", "show", _show_neighbour)
_device(
    "first-region-everywhere",
    "every connection shows the data of the host's first region",
    "show",
    lambda _: (
        lambda self, number, slot: self.window.show(
            number, next(iter(self.requests.registry)).fd, min(slot.pages, next(iter(self.requests.registry)).pages)
        )
    ),
)
_device(
    "page-missing",
    "the last page of a region is private memory",
    "show",
    lambda _: (
        lambda self, number, slot: (
            self.window.show(number, slot.client.region.fd, slot.pages - 1)
            if slot.pages > 1
            else self.window.hide(number, 1)
        )
    ),
)


@fault("page-too-many", "isolation", "one page behind the region is shared, too")
def _page_too_many(patches: Patches) -> None:
    patches.replace(Registry, "content", lambda was: lambda self, name, pages: was(self, name, pages + 1))
    patches.replace(
        SharedMemoryDevice,
        "show",
        lambda _: lambda self, number, slot: self.window.show(number, slot.client.region.fd, slot.pages + 1),
    )


_device(
    "index-writable",
    "idx can be written",
    "store_control",
    lambda was: (
        lambda self, number, offset, data: (
            setattr(self.slots[number].client, "index", data[0] & 15)
            if offset == reg.CONTROL_IDX_OFFSET and self.slots[number]
            else was(self, number, offset, data)
        )
    ),
)


def _hide_first_size(was: Callable[..., None]) -> Callable[..., None]:
    def conceal(self: SharedMemoryDevice, number: int, slot: Slot) -> None:
        first = vars(self).setdefault("first_sizes", {}).setdefault(number, slot.pages)
        was(self, number, Slot(slot.client, min(first, slot.pages)))

    return conceal


_device(
    "slot-keeps-first-size",
    "a detach takes away as many pages as the first region in this place had",
    "conceal",
    _hide_first_size,
)
