# SPDX-License-Identifier: Apache-2.0
"""Accesses that are none to a register: stores of its parts, one after the other, and places that are like it."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Final

from harness.replay.script import Step
from harness.shmem.registers import PAGE_SIZE

_MIXED_UP: Final = 0.2
_WIDTHS: Final = ((2, 2), (2, 2), (1, 1, 2), (2, 1, 1), (1, 1, 1, 1))
"""Widths of such stores, in bytes; each is aligned."""
_ALIASES: Final = 0.1
_FIRST_ALIAS: Final = 0x80


def pieces(random: Random, step: Step, register: int, value: int) -> list[Step]:
    """Stores that hold the 32-bit ``value`` together, mostly in the order of their offsets.

    ``step`` has the actor, the verb, and the device of a ``poke`` or the connection of a ``store``.
    """
    data, at, stores = value.to_bytes(4, "little"), 0, []
    for width in random.choice(_WIDTHS):
        part = int.from_bytes(data[at : at + width], "little")
        what = (f"{register + at:#x}", str(width), f"{part:#x}")
        stores.append(replace(step, words=(*what, *step.words) if step.verb == "poke" else (*step.words, *what)))
        at += width
    if random.random() < _MIXED_UP:
        random.shuffle(stores)
    return stores


def touches(offset: int, width: int, register: int, size: int) -> bool:
    """Whether an access reaches a register."""
    return offset < register + size and register < offset + width


def aliased(random: Random, offset: int) -> int:
    """The offset of a register, or one where a device that ignores a bit of the address has that register again."""
    if offset >= _FIRST_ALIAS or random.random() > _ALIASES:
        return offset
    return offset + (_FIRST_ALIAS << random.randrange((PAGE_SIZE // _FIRST_ALIAS).bit_length() - 1))
