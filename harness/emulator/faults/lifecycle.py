# SPDX-License-Identifier: Apache-2.0
"""Faults in the life of clients and regions."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Any

from harness.emulator.device import creation
from harness.emulator.device.device import SharedMemoryDevice, Slot
from harness.emulator.device.function import ShmemFunction
from harness.emulator.device.regions import Client, Region, Registry
from harness.emulator.faults.registration import fault
from harness.emulator.machine.devices import VmDevices
from harness.emulator.service.messages import Read, Write
from harness.emulator.service.programs import Failed, HostProgram, Pulses
from harness.shmem import registers as reg

fault(
    name="index-always-0",
    group="lifecycle",
    text="every client gets index 0",
    replace={
        (Region, "free_index"): lambda _: lambda self: 0,
    },
)


fault(
    name="index-starts-at-1",
    group="lifecycle",
    text="index 0 is never given",
    replace={
        (Region, "free_index"): lambda original: (
            lambda self: next((i for i in range(1, 16) if self.clients[i] is None), original(self))
        ),
    },
)


fault(
    name="client-17-accepted",
    group="lifecycle",
    text="one client more than the limit gets the last index again",
    replace={
        (Region, "free_index"): lambda original: lambda self: 15 if original(self) is None else original(self),
    },
)


fault(
    name="client-16-refused",
    group="lifecycle",
    text="one client fewer than the limit",
    replace={
        (Region, "free_index"): lambda original: lambda self: None if original(self) == 15 else original(self),
    },
)


fault(
    name="member-self-missing",
    group="lifecycle",
    text="the member set lacks the client that reads it",
    replace={
        (Region, "members"): lambda original: lambda self: original(self) & ~1 if original(self) != 1 else 0,
    },
)


def _remember_who_left(original: Callable[..., None]) -> Callable[..., None]:
    def remove(self: Region, client: Client) -> None:
        original(self, client)
        gone = vars(self).setdefault("departed", [0])
        gone[0] |= 1 << client.index

    return remove


fault(
    name="member-kept",
    group="lifecycle",
    text="the bit of a client that has left stays in the member set",
    replace={
        (Region, "remove"): _remember_who_left,
        (Region, "members"): lambda original: lambda self: original(self) | vars(self).get("departed", [0])[0],
    },
)


def _forget_connections(device: SharedMemoryDevice) -> None:
    device.slots[:] = [None] * len(device.slots)


def _close_without_detach(original: Callable[[VmDevices], None]) -> Callable[[VmDevices], None]:
    def close(self: VmDevices) -> None:
        for device in self._devices:
            _forget_connections(device)
        original(self)

    return close


fault(
    name="death-not-noticed",
    group="lifecycle",
    text="a guest that ends keeps its connections",
    replace={
        # The end of QEMU shows in its process and in its channel, and either may be seen first.
        (ShmemFunction, "disconnected"): lambda _: lambda self: _forget_connections(self.device),
        (VmDevices, "close"): _close_without_detach,
    },
)


fault(
    name="detach-ends-region",
    group="lifecycle",
    text="the first client that leaves removes the region",
    replace={
        (Registry, "drop_unused"): lambda _: (
            lambda self, region: self._regions.remove(region) if region in self._regions else None
        ),
    },
)


fault(
    name="detach-of-all-slots",
    group="lifecycle",
    text="a detach ends all connections of the device",
    replace={
        (SharedMemoryDevice, "disconnect"): lambda original: (
            lambda self, number: [original(self, other) for other in range(len(self.slots))]
        ),
    },
)


fault(
    name="detach-ignored",
    group="lifecycle",
    text="detach does nothing",
    replace={
        (SharedMemoryDevice, "disconnect"): lambda _: lambda self, number: None,
    },
)


def _wipe_data_on_leaving(original: Callable[..., None]) -> Callable[..., None]:
    def remove(self: Region, client: Client) -> None:
        os.pwrite(self.fd, bytes(self.pages * reg.PAGE_SIZE), 0)
        original(self, client)

    return remove


fault(
    name="leaving-wipes-data",
    group="lifecycle",
    text="a client that leaves removes the data of the others",
    replace={
        (Region, "remove"): _wipe_data_on_leaving,
    },
)


def _fill_new_region(original: Callable[..., int]) -> Callable[..., int]:
    def content(self: Registry, name: str, pages: int) -> int:
        fd = original(self, name, pages)
        os.pwrite(fd, b"\xa5" * (pages * reg.PAGE_SIZE), 0)
        return fd

    return content


fault(
    name="content-not-zeroed",
    group="lifecycle",
    text="a new region is not zeroed",
    replace={
        (Registry, "content"): _fill_new_region,
    },
)


def _leak_at_detach(leak: Callable[[int], object]) -> Callable[..., Any]:
    """Keep something of a region's file, whose descriptor ``leak`` gets, at every detach."""
    kept: list[object] = []

    def make(original: Callable[..., None]) -> Callable[..., None]:
        def conceal(self: SharedMemoryDevice, number: int, slot: Slot) -> None:
            kept.append(leak(slot.client.region.fd))
            original(self, number, slot)

        return conceal

    return make


fault(
    name="detach-leaks-descriptor",
    group="lifecycle",
    text="every detach leaves a descriptor of the region open on the host",
    replace={
        (SharedMemoryDevice, "conceal"): _leak_at_detach(os.dup),
    },
)


fault(
    name="detach-leaks-mapping",
    group="lifecycle",
    text="every detach leaves a mapping of the region in the host",
    replace={
        (SharedMemoryDevice, "conceal"): _leak_at_detach(lambda fd: mmap.mmap(fd, reg.PAGE_SIZE)),
    },
)


def _end_only_latest_connection(original: Callable[..., None]) -> Callable[..., None]:
    def reset(self: SharedMemoryDevice) -> None:
        latest = self.factory.shmem
        self.slots[:] = [slot if self.address(number) == latest else None for number, slot in enumerate(self.slots)]
        original(self)

    return reset


fault(
    name="death-ends-latest-connection",
    group="lifecycle",
    text="a guest that ends leaves only the region that shmem points to",
    replace={
        (SharedMemoryDevice, "reset"): _end_only_latest_connection,
    },
)


def _end_vms_whose_names_begin_alike(original: Callable[[VmDevices], None]) -> Callable[[VmDevices], None]:
    def close(self: VmDevices) -> None:
        original(self)
        for region in self.registry:
            for client in list(region.connected()):
                if client.owner != self.system and client.owner.startswith(self.system):
                    client.detach()

    return close


fault(
    name="end-by-beginning-of-name",
    group="lifecycle",
    text="the end of a VM ends the connections of all VMs whose names begin with its name",
    replace={
        (VmDevices, "close"): _end_vms_whose_names_begin_alike,
    },
)


fault(
    name="detach-only-by-one",
    group="lifecycle",
    text="only a 1 written to detach leaves the region",
    replace={
        (SharedMemoryDevice, "store_control"): lambda original: (
            lambda self, number, offset, data: (
                None
                if offset == reg.CONTROL_DETACH_OFFSET and int.from_bytes(data[:4], "little") != 1
                else original(self, number, offset, data)
            )
        ),
    },
)


fault(
    name="end-takes-regions-along",
    group="lifecycle",
    text="the end of a VM ends the regions that it made, although others are in them",
    replace={
        (Registry, "ended"): lambda _: (
            lambda self, system: [self.drop(each) for each in self if each.creator == system]
        ),
    },
)


def _remember_death(original: Callable[..., None]) -> Callable[..., None]:
    def reset(self: SharedMemoryDevice) -> None:
        for region in self.held():
            vars(region)["died"] = [True]
        original(self)

    return reset


def _give_index_in_use(original: Callable[..., int | None]) -> Callable[..., int | None]:
    def free_index(self: Region) -> int | None:
        if vars(self).get("died") and any(self.connected()):
            vars(self)["died"].clear()
            return next(self.connected()).index
        return original(self)

    return free_index


fault(
    name="index-of-another-after-death",
    group="lifecycle",
    text="a client that joins after the death of a guest gets an index in use",
    replace={
        (SharedMemoryDevice, "reset"): _remember_death,
        (Region, "free_index"): _give_index_in_use,
    },
)


def _send_one_pulse_until_read(original: Callable[..., None]) -> Callable[..., None]:
    def send(self: Pulses) -> None:
        if not vars(self).get("pulsed"):
            vars(self)["pulsed"] = True
            original(self)

    return send


def _allow_next_pulse(original: Callable[..., int]) -> Callable[..., int]:
    def take_status(self: Client) -> int:
        pulses = getattr(self.changed, "__self__", None)
        if isinstance(pulses, Pulses):
            vars(pulses)["pulsed"] = False
        return original(self)

    return take_status


fault(
    name="pulse-once-until-read",
    group="lifecycle",
    text="a program of the host gets no further pulse until it reads status",
    replace={
        (Pulses, "send"): _send_one_pulse_until_read,
        (Client, "take_status"): _allow_next_pulse,
    },
)


def _refuse_last_page(original: Callable[..., tuple[int, int]]) -> Callable[..., tuple[int, int]]:
    def span(self: HostProgram, request: Read | Write, length: int) -> tuple[int, int]:
        fd, offset = original(self, request, length)
        if offset + length > os.fstat(fd).st_size - reg.PAGE_SIZE:
            raise Failed("the last page is not for programs")
        return fd, offset

    return span


fault(
    name="program-refused-last-page",
    group="lifecycle",
    text="a program of the host is refused the last page of a region of which it is a client",
    replace={
        (HostProgram, "_span"): _refuse_last_page,
    },
)


def _wipe_existing_region(original: Callable[..., Region]) -> Callable[..., Region]:
    def existing(region: Region, *arguments: Any) -> Region:
        kept = original(region, *arguments)
        os.pwrite(kept.fd, bytes(kept.pages * reg.PAGE_SIZE), 0)
        return kept

    return existing


fault(
    name="create-wipes-existing",
    group="lifecycle",
    text="the start of a VM with a create empties the region if it is there already",
    replace={
        (creation, "_existing"): _wipe_existing_region,
    },
)
