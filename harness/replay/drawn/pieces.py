# SPDX-License-Identifier: Apache-2.0
"""Stores of a part of a register, one after the other until it is covered: none of them is a store to the register."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Final

from harness.replay.script import Step

_MIXED_UP: Final = 0.2
_WIDTHS: Final = ((2, 2), (2, 2), (1, 1, 2), (2, 1, 1), (1, 1, 1, 1))
"""Widths of such stores, in bytes; each is aligned."""


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
