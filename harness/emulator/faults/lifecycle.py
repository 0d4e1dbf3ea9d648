# SPDX-License-Identifier: Apache-2.0
"""Faults in the life of clients and regions."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from functools import partial

from harness.emulator.device.device import SharedMemoryDevice, Slot
from harness.emulator.device.function import ShmemFunction
from harness.emulator.device.regions import Client, Region, Registry
from harness.emulator.faults.catalogue import Patches, fault, fault_in
from harness.emulator.machine.devices import VmDevices
from harness.shmem import registers as reg

_region = partial(fault_in, Region, "lifecycle")


_region("index-always-0", "every client gets index 0", "free_index", lambda _: lambda self: 0)
_region(
    "index-starts-at-1",
    "index 0 is never given",
    "free_index",
    lambda was: lambda self: next((i for i in range(1, 16) if self.clients[i] is None), was(self)),
)
_region(
    "client-17-accepted",
    "one client more than the limit gets the last index again",
    "free_index",
    lambda was: lambda self: 15 if was(self) is None else was(self),
)
_region(
    "client-16-refused",
    "one client fewer than the limit",
    "free_index",
    lambda was: lambda self: None if was(self) == 15 else was(self),
)
_region(
    "member-self-missing",
    "the member set lacks the one who asks",
    "members",
    lambda was: lambda self: was(self) & ~1 if was(self) != 1 else 0,
)


def _kept_member(was: Callable[..., None]) -> Callable[..., None]:
    def remove(self: Region, client: Client) -> None:
        was(self, client)
        gone = vars(self).setdefault("departed", [0])
        gone[0] |= 1 << client.index

    return remove


@fault("member-kept", "lifecycle", "the bit of a client that has left stays in the member set")
def _member_kept(patches: Patches) -> None:
    patches.replace(Region, "remove", _kept_member)
    patches.replace(Region, "members", lambda was: lambda self: was(self) | vars(self).get("departed", [0])[0])


def _forget(device: SharedMemoryDevice) -> None:
    device.slots[:] = [None] * len(device.slots)


def _closed_without_detach(was: Callable[[VmDevices], None]) -> Callable[[VmDevices], None]:
    def close(self: VmDevices) -> None:
        for device in self._devices:
            _forget(device)
        was(self)

    return close


@fault("death-not-noticed", "lifecycle", "a guest that ends keeps its connections")
def _death_not_noticed(patches: Patches) -> None:
    # The end of QEMU shows in its process and in its channel, and either may be seen first.
    patches.replace(ShmemFunction, "disconnected", lambda _: lambda self: _forget(self.device))
    patches.replace(VmDevices, "close", _closed_without_detach)


fault_in(
    Registry,
    "lifecycle",
    "detach-ends-region",
    "the first client that leaves takes the region along",
    "drop_unused",
    lambda _: lambda self, region: self._regions.remove(region) if region in self._regions else None,
)
fault_in(
    SharedMemoryDevice,
    "lifecycle",
    "detach-of-all-slots",
    "a detach ends all connections of the device",
    "disconnect",
    lambda was: lambda self, number: [was(self, other) for other in range(len(self.slots))],
)
fault_in(
    SharedMemoryDevice,
    "lifecycle",
    "detach-ignored",
    "detach does nothing",
    "disconnect",
    lambda _: lambda self, number: None,
)


def _wipe_on_leave(was: Callable[..., None]) -> Callable[..., None]:
    def remove(self: Region, client: Client) -> None:
        os.pwrite(self.fd, bytes(self.pages * reg.PAGE_SIZE), 0)
        was(self, client)

    return remove


_region(
    "leaving-wipes-data",
    "a client that leaves takes the data of the others along",
    "remove",
    _wipe_on_leave,
)


def _dirty(was: Callable[..., int]) -> Callable[..., int]:
    def content(self: Registry, name: str, pages: int) -> int:
        fd = was(self, name, pages)
        os.pwrite(fd, b"\xa5" * (pages * reg.PAGE_SIZE), 0)
        return fd

    return content


fault_in(Registry, "lifecycle", "content-not-zeroed", "a new region holds something", "content", _dirty)


def _leaking(name: str, text: str, leak: Callable[[int], object]) -> None:
    """A fault that keeps something of a region's file, whose descriptor ``leak`` gets, at every detach."""
    kept: list[object] = []

    def make(was: Callable[..., None]) -> Callable[..., None]:
        def conceal(self: SharedMemoryDevice, number: int, slot: Slot) -> None:
            kept.append(leak(slot.client.region.fd))
            was(self, number, slot)

        return conceal

    fault_in(SharedMemoryDevice, "lifecycle", name, text, "conceal", make)


_leaking("detach-leaks-descriptor", "every detach leaves a descriptor of the region open on the host", os.dup)
_leaking(
    "detach-leaks-mapping",
    "every detach leaves a mapping of the region in the host",
    lambda fd: mmap.mmap(fd, reg.PAGE_SIZE),
)


def _latest_only(was: Callable[..., None]) -> Callable[..., None]:
    def reset(self: SharedMemoryDevice) -> None:
        latest = (self.factory.shmem - self.window_base()) // self.window.slot_size
        self.slots[:] = [slot if number == latest else None for number, slot in enumerate(self.slots)]
        was(self)

    return reset


fault_in(
    SharedMemoryDevice,
    "lifecycle",
    "death-ends-latest-connection",
    "a guest that ends leaves only the region that shmem points to",
    "reset",
    _latest_only,
)


def _end_of_longer_names(was: Callable[[VmDevices], None]) -> Callable[[VmDevices], None]:
    def close(self: VmDevices) -> None:
        was(self)
        for region in self.registry:
            for client in list(region.connected()):
                if client.owner != self.system and client.owner.startswith(self.system):
                    client.detach()

    return close


fault_in(
    VmDevices,
    "lifecycle",
    "end-by-beginning-of-name",
    "the end of a VM ends the connections of all VMs whose names begin with its name",
    "close",
    _end_of_longer_names,
)
