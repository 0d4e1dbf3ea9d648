# SPDX-License-Identifier: Apache-2.0
"""Faults of signals: who gets one, and which bits ``status`` shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.regions import Client, Region
from harness.emulator.faults.registration import fault
from harness.shmem import registers as reg

fault(
    name="notify-everybody",
    group="notification",
    text="a signal goes to every client",
    replace={
        (Region, "selected"): lambda _: lambda self, sender, mask: list(self.connected()),
    },
)


fault(
    name="notify-self-only",
    group="notification",
    text="a signal goes to its sender",
    replace={
        (Region, "selected"): lambda _: lambda self, sender, mask: [sender],
    },
)


fault(
    name="notify-lost",
    group="notification",
    text="no signal arrives",
    replace={
        (Region, "selected"): lambda _: lambda self, sender, mask: [],
    },
)


fault(
    name="notify-mask-shifted",
    group="notification",
    text="a signal goes to the next index",
    replace={
        (Region, "selected"): lambda original: (
            lambda self, sender, mask: original(
                self, sender, mask if mask == reg.NOTIFY_ALL_OTHERS else mask << 1 & 0xFFFF
            )
        ),
    },
)


fault(
    name="notify-all-includes-sender",
    group="notification",
    text="all ones means the sender, too",
    replace={
        (Region, "selected"): lambda original: (
            lambda self, sender, mask: (
                list(self.connected()) if mask == reg.NOTIFY_ALL_OTHERS else original(self, sender, mask)
            )
        ),
    },
)


fault(
    name="notify-first-only",
    group="notification",
    text="a signal to several goes to the first of them",
    replace={
        (Region, "selected"): lambda original: lambda self, sender, mask: original(self, sender, mask)[:1],
    },
)


def _delivering(deliver: Callable[[Callable[..., None], Region, Client, Client], None]) -> Callable[..., Any]:
    """Deliver a signal by ``deliver``: it gets the original, and region, sender and receiver."""
    return lambda original: lambda self, sender, client: deliver(original, self, sender, client)


def _set_bit_of_receiver(_original: Callable[..., None], _region: Region, _sender: Client, client: Client) -> None:
    client.pending |= 1 << client.index
    client.changed()


fault(
    name="signal-wrong-bit",
    group="notification",
    text="the pending bit is the receiver's, not the sender's",
    replace={
        (Region, "deliver"): _delivering(_set_bit_of_receiver),
    },
)


def _interrupt_without_bit(_original: Callable[..., None], _region: Region, _sender: Client, client: Client) -> None:
    client.changed()


fault(
    name="signal-without-bit",
    group="notification",
    text="a signal interrupts but sets no bit",
    replace={
        (Region, "deliver"): _delivering(_interrupt_without_bit),
    },
)


def _deliver_to_other_regions_too(
    original: Callable[..., None], region: Region, sender: Client, client: Client
) -> None:
    original(region, sender, client)
    for other in region.registry:
        if other is not region:
            for stranger in other.connected():
                original(other, sender, stranger)


fault(
    name="signal-leaks",
    group="notification",
    text="a signal reaches the clients of other regions",
    replace={
        (Region, "deliver"): _delivering(_deliver_to_other_regions_too),
    },
)


fault(
    name="pending-sticky",
    group="notification",
    text="a read of status does not take the signals",
    replace={
        (Client, "take_status"): lambda _: lambda self: self.status(),
    },
)


fault(
    name="pending-always-empty",
    group="notification",
    text="status shows no signals",
    replace={
        (Client, "status"): lambda original: lambda self: original(self) & 0xFFFF0000,
    },
)


def _show_members_once(original: Callable[..., int]) -> Callable[..., int]:
    def take_status(self: Client) -> int:
        word = original(self)
        asked = vars(self).setdefault("asked", [False])
        word, asked[0] = (word & 0xFFFF if asked[0] else word), True
        return word

    return take_status


fault(
    name="members-cleared-by-read",
    group="notification",
    text="a read of status takes the member set, too",
    replace={
        (Client, "take_status"): _show_members_once,
    },
)


fault(
    name="signal-kept-for-later",
    group="notification",
    text="a signal to an unused index waits for the next holder",
    replace={
        (Region, "signal"): lambda original: (
            lambda self, sender, mask: (original(self, sender, mask), self.keep(sender, mask & 0xFFFF))
        ),
    },
)


_LOW_INDICES = 8


fault(
    name="notify-low-indices-only",
    group="notification",
    text="signals to the upper half of the indices are lost",
    replace={
        (Region, "selected"): lambda original: (
            lambda self, sender, mask: [each for each in original(self, sender, mask) if each.index < _LOW_INDICES]
        ),
    },
)


_HALF_OF_INDICES = 8


def _fold_mask_to_lower_half(original: Callable[..., None]) -> Callable[..., None]:
    def store_control(self: SharedMemoryDevice, number: int, offset: int, data: bytes) -> None:
        mask = int.from_bytes(data[:4], "little")
        if offset == reg.CONTROL_NOTIFY_OFFSET and mask < 1 << 16 and self.requests.vdev.loc is not None:
            data = ((mask | mask >> _HALF_OF_INDICES) & 0xFF).to_bytes(4, "little") + data[4:]
        original(self, number, offset, data)

    return store_control


fault(
    name="notify-folded-in-memory",
    group="notification",
    text="signals of a device in memory to the upper half of the indices go to the lower half",
    replace={
        (SharedMemoryDevice, "store_control"): _fold_mask_to_lower_half,
    },
)


def _leave_signals_to_next_holder(original: Callable[..., None]) -> Callable[..., None]:
    def remove(self: Region, client: Client) -> None:
        if client.pending:
            self.kept_signals[client.index] = client.pending
        original(self, client)

    return remove


fault(
    name="signals-survive-detach",
    group="notification",
    text="what a client has not read when it leaves the next one with its index reads",
    replace={
        (Region, "remove"): _leave_signals_to_next_holder,
    },
)


def _take_signals_of_leaver_back(original: Callable[..., None]) -> Callable[..., None]:
    def remove(self: Region, client: Client) -> None:
        original(self, client)
        for other in self.connected():
            other.pending &= ~(1 << client.index)

    return remove


fault(
    name="signals-leave-with-sender",
    group="notification",
    text="what a client has signalled and nobody has read is gone when it leaves",
    replace={
        (Region, "remove"): _take_signals_of_leaver_back,
    },
)


def _select_up_to_gap(original: Callable[..., list[Client]]) -> Callable[..., list[Client]]:
    def selected(self: Region, sender: Client, mask: int) -> list[Client]:
        chosen = original(self, sender, mask)
        if mask != reg.NOTIFY_ALL_OTHERS or None not in self.clients:
            return chosen
        gap = self.clients.index(None)
        return [client for client in chosen if client.index < gap]

    return selected


fault(
    name="notify-all-ends-at-gap",
    group="notification",
    text="all ones reaches nobody behind the first free index",
    replace={
        (Region, "selected"): _select_up_to_gap,
    },
)
