# SPDX-License-Identifier: Apache-2.0
"""Faults that need a history: a death, a detach, a refusal, an earlier connection. And one that needs a placement."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.regions import Client, Refused, Region
from harness.emulator.device.requests import Requests
from harness.emulator.faults.catalogue import Patches, fault, fault_in
from harness.shmem import registers as reg

_device = partial(fault_in, SharedMemoryDevice)

_HALF = 8
_PATIENCE = 3


def _fold(was: Callable[..., None]) -> Callable[..., None]:
    def store_control(self: SharedMemoryDevice, number: int, offset: int, data: bytes) -> None:
        mask = int.from_bytes(data[:4], "little")
        if offset == reg.CONTROL_NOTIFY_OFFSET and mask < 1 << 16 and self.requests.vdev.loc is not None:
            data = ((mask | mask >> _HALF) & 0xFF).to_bytes(4, "little") + data[4:]
        was(self, number, offset, data)

    return store_control


_device(
    "notification",
    "notify-folded-in-memory",
    "signals of a device in memory to the upper half of the indices go to the lower half",
    "store_control",
    _fold,
)


def _mark_dead(was: Callable[..., None]) -> Callable[..., None]:
    def reset(self: SharedMemoryDevice) -> None:
        for region in self.held():
            vars(region)["died"] = [True]
        was(self)

    return reset


def _first_connected(was: Callable[..., int | None]) -> Callable[..., int | None]:
    def free_index(self: Region) -> int | None:
        if vars(self).get("died") and any(self.connected()):
            vars(self)["died"].clear()
            return next(self.connected()).index
        return was(self)

    return free_index


@fault("index-of-another-after-death", "lifecycle", "who joins after the death of a guest gets an index in use")
def _index_after_death(patches: Patches) -> None:
    patches.replace(SharedMemoryDevice, "reset", _mark_dead)
    patches.replace(Region, "free_index", _first_connected)


def _members_of_first(was: Callable[..., int]) -> Callable[..., int]:
    def status_word(self: SharedMemoryDevice, number: int, slot: Any, offset: int) -> int:
        word = was(self, number, slot, offset)
        return word & 0xFFFF | self.held()[0].members() << reg.STATUS_MEMBERS_SHIFT

    return status_word


_device(
    "registers",
    "members-of-first-connection",
    "every connection of a device shows the members of its first one",
    "status_word",
    _members_of_first,
)


def _leave_signals(was: Callable[..., None]) -> Callable[..., None]:
    def remove(self: Region, client: Client) -> None:
        if client.pending:
            self.kept_signals[client.index] = client.pending
        was(self, client)

    return remove


fault_in(
    Region,
    "notification",
    "signals-survive-detach",
    "what a client has not read when it leaves the next one with its index reads",
    "remove",
    _leave_signals,
)


def _wear_off(was: Callable[..., None]) -> Callable[..., None]:
    def check_rules(self: Requests, guest_name: str, name: str) -> None:
        refused: dict[str, int] = vars(self).setdefault("refused", {})
        try:
            was(self, guest_name, name)
        except Refused:
            refused[name] = refused.get(name, 0) + 1
            if refused[name] < _PATIENCE:
                raise

    return check_rules


fault_in(
    Requests,
    "access",
    "refusal-wears-off",
    "the third request for a refused name is permitted",
    "check_rules",
    _wear_off,
)
