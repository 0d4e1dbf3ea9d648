# SPDX-License-Identifier: Apache-2.0
"""Faults of interrupts: which guest is interrupted, when and how often."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.function import ShmemFunction
from harness.emulator.device.interrupts import Interrupt
from harness.emulator.device.regions import Client, Region
from harness.emulator.faults.registration import fault
from harness.emulator.vfio_user.wire import PciIrq


def _set_bit_without_interrupt(_original: Callable[..., None]) -> Callable[..., None]:
    def deliver(_self: Region, sender: Client, client: Client) -> None:
        client.pending |= 1 << sender.index

    return deliver


fault(
    name="signal-without-interrupt",
    group="notification",
    text="a signal sets its bit and interrupts nobody",
    replace={
        (Region, "deliver"): _set_bit_without_interrupt,
    },
)


def _deliver_twice(original: Callable[..., None]) -> Callable[..., None]:
    def deliver(self: Region, sender: Client, client: Client) -> None:
        original(self, sender, client)
        asyncio.get_running_loop().call_later(0.01, original, self, sender, client)

    return deliver


fault(
    name="signal-doubled",
    group="notification",
    text="a signal arrives twice, the second time after it has been read",
    replace={
        (Region, "deliver"): _deliver_twice,
    },
)


fault(
    name="peers-not-notified",
    group="notification",
    text="joining and leaving changes status without an interrupt",
    replace={
        (Region, "notify_others"): lambda _: lambda self, origin: None,
    },
)


fault(
    name="leaving-not-notified",
    group="notification",
    text="leaving changes status without an interrupt",
    replace={
        (Region, "notify_others"): lambda original: (
            lambda self, origin: original(self, origin) if origin in self.connected() else None
        ),
    },
)


fault(
    name="joining-not-notified",
    group="notification",
    text="joining changes status without an interrupt",
    replace={
        (Region, "notify_others"): lambda original: (
            lambda self, origin: original(self, origin) if origin not in self.connected() else None
        ),
    },
)


fault(
    name="no-interrupt",
    group="notification",
    text="the guest is never interrupted",
    replace={
        (Interrupt, "_raise_line"): lambda _: lambda self: None,
    },
)


def _interrupt_again_after_read(original: Callable[..., None]) -> Callable[..., None]:
    def read(self: Interrupt, slot: int) -> None:
        had = slot in self._unread
        original(self, slot)
        if had:
            asyncio.get_running_loop().call_later(0.01, self._raise_line)

    return read


fault(
    name="interrupt-after-read",
    group="notification",
    text="one more interrupt comes after status has been read",
    replace={
        (Interrupt, "read"): _interrupt_again_after_read,
    },
)


def _interrupt_fifty_times(original: Callable[..., None]) -> Callable[..., None]:
    def changed(self: Interrupt, slot: int) -> None:
        original(self, slot)
        for step in range(1, 50):
            asyncio.get_running_loop().call_later(0.005 * step, self._raise_line)

    return changed


fault(
    name="interrupt-storm",
    group="notification",
    text="every change interrupts fifty times",
    replace={
        (Interrupt, "changed"): _interrupt_fifty_times,
    },
)


class _EverySecondCall:
    """Lets every second call through."""

    def __init__(self, original: Callable[..., None]) -> None:
        self._original = original
        self._count = 0

    def __get__(self, instance: Any, _owner: Any) -> Callable[[int], None]:
        return lambda slot: self._call(instance, slot)

    def _call(self, instance: Any, slot: int) -> None:
        self._count += 1
        if self._count % 2:
            self._original(instance, slot)


fault(
    name="interrupt-every-second",
    group="notification",
    text="every second change interrupts nobody",
    replace={
        (Interrupt, "changed"): lambda original: _EverySecondCall(original),
    },
)


def _keep_event_of_pin(original: Callable[..., None]) -> Callable[..., None]:
    def set_interrupts(self: ShmemFunction, index: int, start: int, eventfds: list[int]) -> None:
        if index == PciIrq.INTX and eventfds:
            vars(self.device.interrupt)["pin"] = (self.config, eventfds.pop(0))
        original(self, index, start, eventfds)

    return set_interrupts


def _raise_pin_by_event(original: Callable[..., None]) -> Callable[..., None]:
    def raise_line(self: Interrupt) -> None:
        config, event = vars(self).get("pin", (None, -1))
        if config is None or config.absent or self.event() is not None:
            original(self)
        else:
            os.eventfd_write(event, 1)

    return raise_line


fault(
    name="pin-by-event",
    group="notification",
    text="the pin is raised by an event, after which QEMU traps every access to the data",
    replace={
        (ShmemFunction, "set_interrupts"): _keep_event_of_pin,
        (Interrupt, "_raise_line"): _raise_pin_by_event,
    },
)


fault(
    name="joining-notifies-lower-only",
    group="notification",
    text="joining notifies only clients with a lower index",
    replace={
        (Region, "notify_others"): lambda original: (
            lambda self, origin: (
                [client.changed() for client in self.connected() if client.index < origin.index]
                if origin in self.connected()
                else original(self, origin)
            )
        ),
    },
)


def _show_other_devices_to_interrupt(original: Callable[..., None]) -> Callable[..., None]:
    def make(self: SharedMemoryDevice, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        vars(self.interrupt)["devices"] = self.others

    return make


def _interrupt_unless_another_device_waits(original: Callable[..., None]) -> Callable[..., None]:
    def raise_line(self: Interrupt) -> None:
        interrupts = [device.interrupt for device in vars(self).get("devices", ())]
        if not any(other.asserted for other in interrupts if other is not self):
            original(self)

    return raise_line


fault(
    name="interrupt-flag-of-all-devices",
    group="notification",
    text="while one device of a VM has a change that nobody has read, the others interrupt nobody",
    replace={
        (SharedMemoryDevice, "__init__"): _show_other_devices_to_interrupt,
        (Interrupt, "_raise_line"): _interrupt_unless_another_device_waits,
    },
)


def _interrupt_clients_of_other_regions(original: Callable[..., None]) -> Callable[..., None]:
    def deliver(self: Region, sender: Client, client: Client) -> None:
        original(self, sender, client)
        for other in self.registry:
            if other is not self:
                for stranger in other.connected():
                    stranger.changed()

    return deliver


fault(
    name="strangers-interrupted",
    group="notification",
    text="a signal interrupts the clients of other regions, too",
    replace={
        (Region, "deliver"): _interrupt_clients_of_other_regions,
    },
)
