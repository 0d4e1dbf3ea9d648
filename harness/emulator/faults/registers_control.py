# SPDX-License-Identifier: Apache-2.0
"""Faults of the registers of the control page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.factory import word_at
from harness.emulator.faults.registration import fault
from harness.shmem import registers as reg


def _loading_control(load: Callable[[Callable[..., bytes], tuple[Any, ...]], bytes]) -> Callable[..., Any]:
    """Load from the control page by ``load``: it gets the original, and device, slot, offset and length."""
    return lambda original: lambda self, number, offset, length: load(original, (self, number, offset, length))


_WORD = 4


fault(
    name="control-narrow-load-low",
    group="registers",
    text="a narrow load from the control page gives the lowest bytes of the register",
    replace={
        (SharedMemoryDevice, "load_control"): _loading_control(
            lambda original, access: original(
                *access[:2], access[2] & -_WORD if access[3] < _WORD else access[2], access[3]
            )
        ),
    },
)


def _load_without_taking_signals(original: Callable[..., bytes], access: tuple[Any, ...]) -> bytes:
    slot = access[0].slots[access[1]]
    before = slot.client.pending if slot else 0
    data = original(*access)
    if slot:
        slot.client.pending = before
    return data


fault(
    name="control-narrow-load-keeps-signals",
    group="registers",
    text="only a load of the whole of status takes the signals",
    replace={
        (SharedMemoryDevice, "load_control"): _loading_control(
            lambda original, access: (
                original(*access) if access[3] >= _WORD else _load_without_taking_signals(original, access)
            )
        ),
    },
)


def _storing_control(store: Callable[[Callable[..., None], tuple[Any, ...]], None]) -> Callable[..., Any]:
    """Store to the control page by ``store``: it gets the original, and device, slot, offset and data."""
    return lambda original: lambda self, number, offset, data: store(original, (self, number, offset, data))


fault(
    name="notify-narrow-signals",
    group="registers",
    text="a store to a part of notify signals the clients of these bits",
    replace={
        (SharedMemoryDevice, "store_control"): _storing_control(
            lambda original, access: (
                original(*access[:3], access[3].ljust(_WORD, b"\0"))
                if access[2] == reg.CONTROL_NOTIFY_OFFSET
                else original(*access)
            )
        ),
    },
)


fault(
    name="detach-first-byte-only",
    group="registers",
    text="a store that leaves out the first byte of detach does nothing",
    replace={
        (SharedMemoryDevice, "store_control"): _storing_control(
            lambda original, access: None if access[2] > reg.CONTROL_DETACH_OFFSET else original(*access)
        ),
    },
)


fault(
    name="control-wide-store-halved",
    group="registers",
    text="of a store over two registers of the control page only the first half counts",
    replace={
        (SharedMemoryDevice, "store_control"): _storing_control(
            lambda original, access: original(*access[:3], access[3][:_WORD])
        ),
    },
)


def _take_signals_by_store(original: Callable[..., None], access: tuple[Any, ...]) -> None:
    device, number, offset, data = access
    word, slot = word_at(reg.CONTROL_STATUS_OFFSET, offset, data), device.slots[number]
    if word is not None and slot is not None:
        slot.client.pending &= ~word
    original(*access)


fault(
    name="status-store-takes",
    group="registers",
    text="a store to status of the control page takes the signals of the bits that it has set",
    replace={
        (SharedMemoryDevice, "store_control"): _storing_control(_take_signals_by_store),
    },
)


def _show_members_of_first_connection(original: Callable[..., int]) -> Callable[..., int]:
    def status_word(self: SharedMemoryDevice, number: int, slot: Any, offset: int) -> int:
        word = original(self, number, slot, offset)
        return word & 0xFFFF | self.held()[0].members() << reg.STATUS_MEMBERS_SHIFT

    return status_word


fault(
    name="members-of-first-connection",
    group="registers",
    text="every connection of a device shows the members of its first one",
    replace={
        (SharedMemoryDevice, "status_word"): _show_members_of_first_connection,
    },
)
