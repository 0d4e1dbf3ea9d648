# SPDX-License-Identifier: Apache-2.0
"""Faults of the registers of the factory page, and of what a request leaves in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.emulator.device import requests
from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.factory import FactoryPage
from harness.emulator.device.regions import RequestFailed
from harness.emulator.device.requests import Requests, Wanted
from harness.emulator.faults.registration import fault, refuse
from harness.shmem import registers as reg
from harness.shmem.status import Status


def _after_request(spoil: Callable[[SharedMemoryDevice, tuple[Any, ...]], None]) -> Callable[..., Any]:
    """Spoil what the registers hold after a request.

    ``spoil`` gets the device, and status, size and shmem from before the request with the size that was asked for.
    """

    def make(original: Callable[..., None]) -> Callable[..., None]:
        def request(self: SharedMemoryDevice, action: Any, size: int) -> None:
            before = (self.factory.status, self.factory.size, self.factory.shmem)
            wanted = self.factory.size
            original(self, action, size)
            spoil(self, (*before, wanted))

        return request

    return make


fault(
    name="size-not-read-back",
    group="registers",
    text="size keeps what was asked for",
    replace={
        (SharedMemoryDevice, "request"): _after_request(
            lambda device, before: setattr(device.factory, "size", before[3])
        ),
    },
)


fault(
    name="status-stale",
    group="registers",
    text="a failure leaves the status of the request before it",
    replace={
        (SharedMemoryDevice, "request"): _after_request(
            lambda device, before: setattr(device.factory, "status", before[0])
        ),
    },
)


fault(
    name="status-not-reset",
    group="registers",
    text="a success after a failure still reads as the failure",
    replace={
        (SharedMemoryDevice, "request"): _after_request(
            lambda device, before: setattr(device.factory, "status", before[0] or device.factory.status)
        ),
    },
)


fault(
    name="shmem-page-off",
    group="registers",
    text="shmem points to the first data page",
    replace={
        (SharedMemoryDevice, "request"): _after_request(
            lambda device, before: setattr(device.factory, "shmem", device.factory.shmem + reg.PAGE_SIZE)
        ),
    },
)


fault(
    name="shmem-stale",
    group="registers",
    text="shmem keeps the address of the first request",
    replace={
        (SharedMemoryDevice, "request"): _after_request(
            lambda device, before: setattr(device.factory, "shmem", before[2] or device.factory.shmem)
        ),
    },
)


fault(
    name="signature-wrong-half",
    group="registers",
    text="the upper half of signature reads like the lower one",
    replace={
        (FactoryPage, "load"): lambda original: (
            lambda self, offset, length: original(self, 0 if (offset, length) == (4, 4) else offset, length)
        ),
    },
)


fault(
    name="signature-bit",
    group="registers",
    text="one bit of signature is wrong",
    replace={
        (FactoryPage, "load"): lambda original: (
            lambda self, offset, length: bytes(
                [original(self, offset, length)[0] ^ (offset == 0), *original(self, offset, length)[1:]]
            )
        ),
    },
)


fault(
    name="name-triggers",
    group="registers",
    text="a store to name makes the request, too",
    replace={
        (FactoryPage, "store"): lambda original: (
            lambda self, offset, data: (
                original(self, offset, data)
                | ({"size"} if reg.NAME_OFFSET < offset < reg.FIND_OFFSET and self.size else set())
            )
        ),
    },
)


fault(
    name="wide-store-loses-name",
    group="registers",
    text="a store that covers size and the beginning of name changes only size",
    replace={
        (FactoryPage, "store_name"): lambda original: (
            lambda self, offset, data: None if offset < reg.NAME_OFFSET else original(self, offset, data)
        ),
    },
)


fault(
    name="name-bytes-lost",
    group="registers",
    text="single bytes cannot be stored to name",
    replace={
        (FactoryPage, "store_name"): lambda original: (
            lambda self, offset, data: None if len(data) == 1 else original(self, offset, data)
        ),
    },
)


fault(
    name="name-residue",
    group="registers",
    text="the terminator does not end a name, so that a short one after a long one keeps its tail",
    replace={
        (FactoryPage, "store_name"): lambda original: (
            lambda self, offset, data: None if data == b"\0" else original(self, offset, data)
        ),
    },
)


def _store_read_only_registers(original: Callable[..., set[str]]) -> Callable[..., set[str]]:
    def store(self: FactoryPage, offset: int, data: bytes) -> set[str]:
        if offset == reg.VECTOR_OFFSET:
            self.vector = int.from_bytes(data[:4], "little")
        if offset == reg.SHMEM_OFFSET:
            self.shmem = int.from_bytes(data[:8], "little")
        return original(self, offset, data)

    return store


fault(
    name="read-only-writable",
    group="registers",
    text="shmem and vector can be written",
    replace={
        (FactoryPage, "store"): _store_read_only_registers,
    },
)


fault(
    name="names-any",
    group="registers",
    text="every name is legal",
    replace={
        (requests, "legal_name"): lambda _: lambda name, _profile: name.partition(b"\0")[0].decode("latin-1"),
        (requests, "check_legal"): lambda _: lambda _name, _profile: None,
    },
)


fault(
    name="find-nothing-unknown",
    group="registers",
    text="a find that finds nothing reports an unclassified failure",
    replace={
        (Requests, "candidate"): lambda original: lambda self: original(self) or refuse(Status.UNKNOWN_FAILURE),
    },
)


def _refuse_slash_behind_terminator(original: Callable[..., str]) -> Callable[..., str]:
    def legal_name(register: bytes, profile: Any) -> str:
        name = original(register, profile)
        return refuse(Status.ILLEGAL_NAME) if profile.name_slash == "illegal" and b"/" in register else name

    return legal_name


fault(
    name="name-residue-illegal",
    group="registers",
    text="a slash behind the terminator makes a name illegal",
    replace={
        (requests, "legal_name"): _refuse_slash_behind_terminator,
    },
)


fault(
    name="size-eight-bits",
    group="registers",
    text="the size of a new region is taken modulo 256",
    replace={
        (Requests, "create"): lambda original: lambda self, name, pages: original(self, name, (pages & 0xFF) or pages),
    },
)


def _remember_region_left(original: Callable[..., None]) -> Callable[..., None]:
    def disconnect(self: SharedMemoryDevice, number: int) -> None:
        slot = self.slots[number]
        if slot is not None:
            vars(self)["left"] = (self.address(number), slot.pages)
        original(self, number)

    return disconnect


def _find_region_left(original: Callable[..., None]) -> Callable[..., None]:
    def failed(self: SharedMemoryDevice, status: Status, size_before: int) -> None:
        left = vars(self).get("left")
        if status == Status.DOES_NOT_EXIST and self.factory.find == 0 and left is not None and not self.held():
            self.factory.status = Status.OK
            self.factory.shmem, self.factory.size = left
        else:
            original(self, status, size_before)

    return failed


fault(
    name="find-after-detach",
    group="registers",
    text="a client that has left the last region still finds it",
    replace={
        (SharedMemoryDevice, "disconnect"): _remember_region_left,
        (SharedMemoryDevice, "failed"): _find_region_left,
    },
)


def _use_up_slot_of_full_region(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: SharedMemoryDevice, wanted: Wanted) -> Any:
        chosen = self.free_slot(wanted.region.pages)
        try:
            return original(self, wanted)
        except RequestFailed as refusal:
            if refusal.status == Status.CLIENT_MAX:
                vars(self).setdefault("lost", set()).add(chosen)
            raise

    return connect


def _free_slot_not_used_up(self: SharedMemoryDevice, pages: int) -> int | None:
    lost = vars(self).get("lost", set())
    free = (number for number, slot in enumerate(self.slots) if slot is None and number not in lost)
    return next((number for number in free if self.window.room(number) >= pages), None)


fault(
    name="full-region-keeps-slot",
    group="registers",
    text="a request for a full region occupies a slot of the device for good",
    replace={
        (SharedMemoryDevice, "connect"): _use_up_slot_of_full_region,
        (SharedMemoryDevice, "free_slot"): lambda _: _free_slot_not_used_up,
    },
)
