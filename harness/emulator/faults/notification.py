# SPDX-License-Identifier: Apache-2.0
"""Faults of signals and interrupts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.function import ShmemFunction
from harness.emulator.device.interrupts import Interrupt
from harness.emulator.device.regions import Client, Region
from harness.emulator.faults.catalogue import Patches, fault, fault_in
from harness.emulator.vfio_user.wire import PciIrq
from harness.shmem import registers as reg

_notification = partial(fault_in, Region, "notification")
_interrupt = partial(fault_in, Interrupt, "notification")


_notification(
    "notify-everybody",
    "a signal goes to every client",
    "selected",
    lambda _: lambda self, sender, mask: list(self.connected()),
)
_notification(
    "notify-self-only", "a signal goes to its sender", "selected", lambda _: lambda self, sender, mask: [sender]
)
_notification("notify-lost", "no signal arrives", "selected", lambda _: lambda self, sender, mask: [])
_notification(
    "notify-mask-shifted",
    "a signal goes to the next index",
    "selected",
    lambda was: (
        lambda self, sender, mask: was(self, sender, mask if mask == reg.NOTIFY_ALL_OTHERS else mask << 1 & 0xFFFF)
    ),
)
_notification(
    "notify-all-includes-sender",
    "all ones means the sender, too",
    "selected",
    lambda was: (
        lambda self, sender, mask: list(self.connected()) if mask == reg.NOTIFY_ALL_OTHERS else was(self, sender, mask)
    ),
)
_notification(
    "notify-first-only",
    "a signal to several goes to the first of them",
    "selected",
    lambda was: lambda self, sender, mask: was(self, sender, mask)[:1],
)


def _deliver(name: str, text: str, deliver: Callable[[Callable[..., None], Region, Client, Client], None]) -> None:
    _notification(name, text, "deliver", lambda was: lambda self, sender, client: deliver(was, self, sender, client))


def _wrong_bit(_was: Callable[..., None], _region: Region, _sender: Client, client: Client) -> None:
    client.pending |= 1 << client.index
    client.changed()


def _silent(_was: Callable[..., None], _region: Region, sender: Client, client: Client) -> None:
    client.pending |= 1 << sender.index


def _doubled(was: Callable[..., None], region: Region, sender: Client, client: Client) -> None:
    was(region, sender, client)
    asyncio.get_running_loop().call_later(0.01, was, region, sender, client)


def _elsewhere(was: Callable[..., None], region: Region, sender: Client, client: Client) -> None:
    was(region, sender, client)
    for other in region.registry:
        if other is not region:
            for stranger in other.connected():
                was(other, sender, stranger)


def _only_interrupt(_was: Callable[..., None], _region: Region, _sender: Client, client: Client) -> None:
    client.changed()


_deliver("signal-wrong-bit", "the pending bit is the receiver's, not the sender's", _wrong_bit)
_deliver("signal-without-interrupt", "a signal sets its bit and interrupts nobody", _silent)
_deliver("signal-without-bit", "a signal interrupts and sets no bit", _only_interrupt)
_deliver("signal-doubled", "a signal arrives twice, the second time after it has been read", _doubled)
_deliver("signal-leaks", "a signal reaches the clients of other regions", _elsewhere)
fault_in(
    Client,
    "notification",
    "pending-sticky",
    "a read of status does not take the signals",
    "take_status",
    lambda _: lambda self: self.status(),
)
fault_in(
    Client,
    "notification",
    "pending-always-empty",
    "status shows no signals",
    "status",
    lambda was: lambda self: was(self) & 0xFFFF0000,
)


def _forget_members(was: Callable[..., int]) -> Callable[..., int]:
    def take_status(self: Client) -> int:
        word = was(self)
        asked = vars(self).setdefault("asked", [False])
        word, asked[0] = (word & 0xFFFF if asked[0] else word), True
        return word

    return take_status


fault_in(
    Client,
    "notification",
    "members-cleared-by-read",
    "a read of status takes the member set, too",
    "take_status",
    _forget_members,
)
_notification(
    "peers-not-told",
    "joining and leaving changes status without an interrupt",
    "tell_others",
    lambda _: lambda self, origin: None,
)
_notification(
    "leaving-not-told",
    "leaving changes status without an interrupt",
    "tell_others",
    lambda was: lambda self, origin: was(self, origin) if origin in self.connected() else None,
)
_notification(
    "joining-not-told",
    "joining changes status without an interrupt",
    "tell_others",
    lambda was: lambda self, origin: was(self, origin) if origin not in self.connected() else None,
)


@fault("signal-kept-for-later", "notification", "a signal to an index that nobody holds waits for the next holder")
def _kept_for_later(patches: Patches) -> None:
    patches.replace(
        Region,
        "signal",
        lambda was: lambda self, sender, mask: (was(self, sender, mask), self.keep(sender, mask & 0xFFFF)),
    )


_interrupt("no-interrupt", "the guest is never interrupted", "_tell", lambda _: lambda self: None)


def _again_after_read(was: Callable[..., None]) -> Callable[..., None]:
    def read(self: Interrupt, slot: int) -> None:
        had = slot in self._unread
        was(self, slot)
        if had:
            asyncio.get_running_loop().call_later(0.01, self._tell)

    return read


_interrupt("interrupt-after-read", "one more interrupt comes after status has been read", "read", _again_after_read)


def _storm(was: Callable[..., None]) -> Callable[..., None]:
    def changed(self: Interrupt, slot: int) -> None:
        was(self, slot)
        for step in range(1, 50):
            asyncio.get_running_loop().call_later(0.005 * step, self._tell)

    return changed


_interrupt("interrupt-storm", "every change interrupts fifty times", "changed", _storm)
_interrupt("interrupt-every-second", "every second change interrupts nobody", "changed", lambda was: _Alternating(was))


class _Alternating:
    """Lets every second call through."""

    def __init__(self, was: Callable[..., None]) -> None:
        self._was = was
        self._count = 0

    def __get__(self, instance: Any, _owner: Any) -> Callable[[int], None]:
        return lambda slot: self._call(instance, slot)

    def _call(self, instance: Any, slot: int) -> None:
        self._count += 1
        if self._count % 2:
            self._was(instance, slot)


@fault("pin-by-event", "notification", "the pin is told by an event, after which QEMU traps every access to the data")
def _pin_by_event(patches: Patches) -> None:
    patches.replace(ShmemFunction, "set_interrupts", _keep_pin_event)
    patches.replace(Interrupt, "_tell", _tell_by_event)


def _keep_pin_event(was: Callable[..., None]) -> Callable[..., None]:
    def set_interrupts(self: ShmemFunction, index: int, start: int, eventfds: list[int]) -> None:
        if index == PciIrq.INTX and eventfds:
            vars(self.device.interrupt)["pin"] = (self.config, eventfds.pop(0))
        was(self, index, start, eventfds)

    return set_interrupts


def _tell_by_event(was: Callable[..., None]) -> Callable[..., None]:
    def tell(self: Interrupt) -> None:
        config, event = vars(self).get("pin", (None, -1))
        if config is None or config.absent or self.event() is not None:
            was(self)
        else:
            os.eventfd_write(event, 1)

    return tell


_notification(
    "joining-told-below",
    "joining is told only to clients with a lower index",
    "tell_others",
    lambda was: (
        lambda self, origin: (
            [client.changed() for client in self.connected() if client.index < origin.index]
            if origin in self.connected()
            else was(self, origin)
        )
    ),
)


def _with_others(was: Callable[..., None]) -> Callable[..., None]:
    def make(self: SharedMemoryDevice, *arguments: Any, **options: Any) -> None:
        was(self, *arguments, **options)
        vars(self.interrupt)["devices"] = self.others

    return make


def _unless_told(was: Callable[..., None]) -> Callable[..., None]:
    def tell(self: Interrupt) -> None:
        interrupts = [device.interrupt for device in vars(self).get("devices", ())]
        if not any(other.asserted for other in interrupts if other is not self):
            was(self)

    return tell


@fault(
    "interrupt-flag-of-all-devices",
    "notification",
    "while one device of a VM has a change that nobody has read, the others interrupt nobody",
)
def _one_flag(patches: Patches) -> None:
    patches.replace(SharedMemoryDevice, "__init__", _with_others)
    patches.replace(Interrupt, "_tell", _unless_told)
