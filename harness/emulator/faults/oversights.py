# SPDX-License-Identifier: Apache-2.0
"""Faults as in C programs: a loop that ends early, an error path that forgets, a buffer or a flag with two users."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from harness.emulator.device import creation
from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.pattern import Pattern
from harness.emulator.device.regions import Client, Refused, Region, Registry
from harness.emulator.device.requests import Requests, Wanted
from harness.emulator.faults.catalogue import Patches, fault, fault_in
from harness.emulator.service.programs import Pulses
from harness.shmem import registers as reg
from harness.shmem.status import Status

_region = partial(fault_in, Region, "notification")

_SEVEN_BITS = 0x7F


def _reaches_end(pattern: Pattern, name: str) -> bool:
    """Follow the pattern without ever coming back to a star."""
    at, skipping = 0, False
    for step in pattern._steps:
        if hasattr(step, "accepts"):
            skipping = True
            continue
        while skipping and at < len(name) and not step(name[at]):
            at += 1
        if at == len(name) or not step(name[at]):
            return False
        at, skipping = at + 1, False
    return skipping or at == len(name)


fault_in(
    Pattern,
    "access",
    "rule-star-first-stop",
    "a star ends at the first character that what follows it begins with",
    "covers",
    lambda was: lambda self, name: was(self, name) and _reaches_end(self, name),
)


def _mark_configured(was: Callable[..., Region]) -> Callable[..., Region]:
    def create(*arguments: Any) -> Region:
        region = was(*arguments)
        vars(region)["configured"] = True
        return region

    return create


def _open_if_configured(was: Callable[..., None]) -> Callable[..., None]:
    def check_rules(self: Requests, guest_name: str, name: str) -> None:
        region = None
        with suppress(Refused):
            region = self.registry.find(self.rules.host_name(guest_name))
        if region is None or region.creator == self.system or not vars(region).get("configured"):
            was(self, guest_name, name)

    return check_rules


@fault("created-open-to-all", "access", "what another VM has made by create is reached whatever the rules say")
def _created_open(patches: Patches) -> None:
    patches.replace(creation, "_create", _mark_configured)
    patches.replace(Requests, "check_rules", _open_if_configured)


def _seven_bits(name: str) -> str:
    return "".join(chr(ord(character) & _SEVEN_BITS) for character in name)


fault_in(
    Registry,
    "isolation",
    "names-seven-bits",
    "names that differ only in the top bit of a byte are one region",
    "find",
    lambda _: (
        lambda self, name, pages=None: next(
            (each for each in self if _seven_bits(each.name) == _seven_bits(name)), None
        )
    ),
)


def _remember_left(was: Callable[..., None]) -> Callable[..., None]:
    def disconnect(self: SharedMemoryDevice, number: int) -> None:
        slot = self.slots[number]
        if slot is not None:
            vars(self)["left"] = (self.window_base() + number * self.window.slot_size, slot.pages)
        was(self, number)

    return disconnect


def _find_left(was: Callable[..., None]) -> Callable[..., None]:
    def failed(self: SharedMemoryDevice, status: Status, size_before: int) -> None:
        left = vars(self).get("left")
        if status == Status.DOES_NOT_EXIST and self.factory.find == 0 and left is not None and not self.held():
            self.factory.status = Status.OK
            self.factory.shmem, self.factory.size = left
        else:
            was(self, status, size_before)

    return failed


@fault("find-after-detach", "registers", "who has left the last region still finds it")
def _find_after_detach(patches: Patches) -> None:
    patches.replace(SharedMemoryDevice, "disconnect", _remember_left)
    patches.replace(SharedMemoryDevice, "failed", _find_left)


def _lose_slot(was: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: SharedMemoryDevice, wanted: Wanted) -> Any:
        chosen = self.free_slot()
        try:
            return was(self, wanted)
        except Refused as refusal:
            if refusal.status == Status.CLIENT_MAX:
                vars(self).setdefault("lost", set()).add(chosen)
            raise

    return connect


def _free_slot(self: SharedMemoryDevice) -> int | None:
    lost = vars(self).get("lost", set())
    return next((number for number, slot in enumerate(self.slots) if slot is None and number not in lost), None)


@fault(
    "full-region-keeps-slot", "registers", "a request that finds a region full uses up a place of the device for good"
)
def _full_region(patches: Patches) -> None:
    patches.replace(SharedMemoryDevice, "connect", _lose_slot)
    patches.replace(SharedMemoryDevice, "free_slot", lambda _: _free_slot)


def _take_signals_back(was: Callable[..., None]) -> Callable[..., None]:
    def remove(self: Region, client: Client) -> None:
        was(self, client)
        for other in self.connected():
            other.pending &= ~(1 << client.index)

    return remove


_region(
    "signals-leave-with-sender",
    "what a client has signalled and nobody has read is gone when it leaves",
    "remove",
    _take_signals_back,
)


def _up_to_gap(was: Callable[..., list[Client]]) -> Callable[..., list[Client]]:
    def selected(self: Region, sender: Client, mask: int) -> list[Client]:
        chosen = was(self, sender, mask)
        if mask != reg.NOTIFY_ALL_OTHERS or None not in self.clients:
            return chosen
        gap = self.clients.index(None)
        return [client for client in chosen if client.index < gap]

    return selected


_region(
    "notify-all-ends-at-gap",
    "all ones reaches nobody behind the first free index",
    "selected",
    _up_to_gap,
)


def _share_name(was: Callable[..., None]) -> Callable[..., None]:
    def store_factory(self: SharedMemoryDevice, offset: int, data: bytes) -> None:
        was(self, offset, data)
        for other in self.others:
            other.factory.name[:] = self.factory.name

    return store_factory


fault_in(
    SharedMemoryDevice,
    "placement",
    "name-shared-by-devices",
    "the devices of a VM have one name register",
    "store_factory",
    _share_name,
)


def _send_once(was: Callable[..., None]) -> Callable[..., None]:
    def send(self: Pulses) -> None:
        if not vars(self).get("told"):
            vars(self)["told"] = True
            was(self)

    return send


def _read_allows_next(was: Callable[..., int]) -> Callable[..., int]:
    def take_status(self: Client) -> int:
        pulses = getattr(self.changed, "__self__", None)
        if isinstance(pulses, Pulses):
            vars(pulses)["told"] = False
        return was(self)

    return take_status


@fault("pulse-once-until-read", "lifecycle", "a program of the host gets no further pulse until it reads status")
def _pulse_once(patches: Patches) -> None:
    patches.replace(Pulses, "send", _send_once)
    patches.replace(Client, "take_status", _read_allows_next)


def _wipe(was: Callable[..., Region]) -> Callable[..., Region]:
    def existing(region: Region, *arguments: Any) -> Region:
        kept = was(region, *arguments)
        os.pwrite(kept.fd, bytes(kept.pages * reg.PAGE_SIZE), 0)
        return kept

    return existing


fault_in(
    creation,
    "lifecycle",
    "create-wipes-existing",
    "the start of a VM with a create empties the region if it is there already",
    "_existing",
    _wipe,
)
