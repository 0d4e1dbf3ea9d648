# SPDX-License-Identifier: Apache-2.0
"""Faults of the registers of the factory page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from harness.emulator.device import requests
from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.factory import FactoryPage, word_at
from harness.emulator.device.requests import Requests
from harness.emulator.faults.catalogue import Patches, fault, fault_in, refuse
from harness.shmem import registers as reg
from harness.shmem.status import Status

_factory = partial(fault_in, FactoryPage, "registers")
_request = partial(fault_in, Requests, "registers")


def _after_request(name: str, text: str, spoil: Callable[[SharedMemoryDevice, tuple[Any, ...]], None]) -> None:
    """A fault in what the registers hold after a request."""

    def make(was: Callable[..., None]) -> Callable[..., None]:
        def request(self: SharedMemoryDevice, action: Any, size: int) -> None:
            before = (self.factory.status, self.factory.size, self.factory.shmem)
            wanted = self.factory.size
            was(self, action, size)
            spoil(self, (*before, wanted))

        return request

    fault_in(SharedMemoryDevice, "registers", name, text, "request", make)


_after_request(
    "size-not-read-back", "size keeps what was asked for", lambda device, was: setattr(device.factory, "size", was[3])
)
_after_request(
    "status-stale",
    "a failure leaves the status of the request before it",
    lambda device, was: setattr(device.factory, "status", was[0]),
)
_after_request(
    "status-not-reset",
    "a success after a failure still reads as the failure",
    lambda device, was: setattr(device.factory, "status", was[0] or device.factory.status),
)
_after_request(
    "shmem-page-off",
    "shmem points to the first data page",
    lambda device, was: setattr(device.factory, "shmem", device.factory.shmem + reg.PAGE_SIZE),
)
_after_request(
    "shmem-stale",
    "shmem keeps the address of the first request",
    lambda device, was: setattr(device.factory, "shmem", was[2] or device.factory.shmem),
)
_factory(
    "signature-wrong-half",
    "the upper half of signature reads like the lower one",
    "load",
    lambda was: lambda self, offset, length: was(self, 0 if (offset, length) == (4, 4) else offset, length),
)
_factory(
    "signature-bit",
    "one bit of signature is wrong",
    "load",
    lambda was: (
        lambda self, offset, length: bytes(
            [was(self, offset, length)[0] ^ (offset == 0), *was(self, offset, length)[1:]]
        )
    ),
)
_factory(
    "name-triggers",
    "a store to name makes the request, too",
    "store",
    lambda was: (
        lambda self, offset, data: (
            was(self, offset, data) | ({"size"} if reg.NAME_OFFSET < offset < reg.FIND_OFFSET and self.size else set())
        )
    ),
)
_factory(
    "wide-store-loses-name",
    "a store that covers size and the beginning of name changes only size",
    "store_name",
    lambda was: lambda self, offset, data: None if offset < reg.NAME_OFFSET else was(self, offset, data),
)
_factory(
    "name-bytes-lost",
    "single bytes cannot be stored to name",
    "store_name",
    lambda was: lambda self, offset, data: None if len(data) == 1 else was(self, offset, data),
)
_factory(
    "name-residue",
    "the terminator does not end a name, so that a short one after a long one keeps its tail",
    "store_name",
    lambda was: lambda self, offset, data: None if data == b"\0" else was(self, offset, data),
)


def _writable(was: Callable[..., set[str]]) -> Callable[..., set[str]]:
    def store(self: FactoryPage, offset: int, data: bytes) -> set[str]:
        if offset == reg.VECTOR_OFFSET:
            self.vector = int.from_bytes(data[:4], "little")
        if offset == reg.SHMEM_OFFSET:
            self.shmem = int.from_bytes(data[:8], "little")
        return was(self, offset, data)

    return store


_factory("read-only-writable", "shmem and vector can be written", "store", _writable)


@fault("names-any", "registers", "every name is legal")
def _names_any(patches: Patches) -> None:
    patches.replace(requests, "legal_name", lambda _: lambda name, _profile: name.partition(b"\0")[0].decode("latin-1"))
    patches.replace(requests, "check_legal", lambda _: lambda _name, _profile: None)


_request(
    "find-nothing-unknown",
    "a find that finds nothing reports an unclassified failure",
    "candidate",
    lambda was: lambda self: was(self) or refuse(Status.UNKNOWN_FAILURE),
)


def _control_load(name: str, text: str, load: Callable[[Callable[..., bytes], tuple[Any, ...]], bytes]) -> None:
    """A fault in loads from the control page: ``load`` gets the original and device, slot, offset and length."""
    fault_in(
        SharedMemoryDevice,
        "registers",
        name,
        text,
        "load_control",
        lambda was: lambda self, number, offset, length: load(was, (self, number, offset, length)),
    )


def _control_store(name: str, text: str, store: Callable[[Callable[..., None], tuple[Any, ...]], None]) -> None:
    """A fault in stores to the control page: ``store`` gets the original and device, slot, offset and data."""
    fault_in(
        SharedMemoryDevice,
        "registers",
        name,
        text,
        "store_control",
        lambda was: lambda self, number, offset, data: store(was, (self, number, offset, data)),
    )


_WORD = 4

_control_load(
    "control-narrow-load-low",
    "a narrow load from the control page gives the lowest bytes of the register",
    lambda was, access: was(*access[:2], access[2] & -_WORD if access[3] < _WORD else access[2], access[3]),
)
_control_load(
    "control-narrow-load-keeps-signals",
    "only a load of the whole of status takes the signals",
    lambda was, access: was(*access) if access[3] >= _WORD else _without_taking(was, access),
)
_control_store(
    "notify-narrow-signals",
    "a store to a part of notify signals the clients of these bits",
    lambda was, access: (
        was(*access[:3], access[3].ljust(_WORD, b"\0")) if access[2] == reg.CONTROL_NOTIFY_OFFSET else was(*access)
    ),
)
_control_store(
    "detach-first-byte-only",
    "a store that leaves out the first byte of detach does nothing",
    lambda was, access: None if access[2] > reg.CONTROL_DETACH_OFFSET else was(*access),
)
_control_store(
    "control-wide-store-halved",
    "of a store over two registers of the control page only the first half counts",
    lambda was, access: was(*access[:3], access[3][:_WORD]),
)


def _without_taking(was: Callable[..., bytes], access: tuple[Any, ...]) -> bytes:
    slot = access[0].slots[access[1]]
    before = slot.client.pending if slot else 0
    data = was(*access)
    if slot:
        slot.client.pending = before
    return data


def _whole_register(was: Callable[..., str]) -> Callable[..., str]:
    def legal_name(register: bytes, profile: Any) -> str:
        name = was(register, profile)
        return refuse(Status.ILLEGAL_NAME) if profile.name_slash == "illegal" and b"/" in register else name

    return legal_name


fault_in(
    requests,
    "registers",
    "name-residue-illegal",
    "a slash behind the terminator makes a name illegal",
    "legal_name",
    _whole_register,
)


def _acknowledge(was: Callable[..., None], access: tuple[Any, ...]) -> None:
    device, number, offset, data = access
    word, slot = word_at(reg.CONTROL_STATUS_OFFSET, offset, data), device.slots[number]
    if word is not None and slot is not None:
        slot.client.pending &= ~word
    was(*access)


_control_store(
    "status-store-takes",
    "a store to status of the control page takes the signals of the bits that it has set",
    _acknowledge,
)
