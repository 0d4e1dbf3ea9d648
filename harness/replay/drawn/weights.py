# SPDX-License-Identifier: Apache-2.0
"""How likely a guest does what, and how long it does nothing."""

from __future__ import annotations

from typing import Final

WEIGHTS: Final = {
    "attach": 30,
    "request": 4,
    "wide": 3,
    "find": 3,
    "name": 2,
    "flags": 2,
    "factory": 4,
    "detach": 14,
    "notify": 20,
    "status": 12,
    "write": 5,
    "read": 5,
    "mark": 3,
    "edges": 5,
    "left": 5,
    "stale": 3,
    "beyond": 2,
    "load": 9,
    "store": 7,
    "peek": 7,
    "poke": 4,
    "parts": 4,
    "listen": 2,
    "interrupts": 5,
    "pin": 2,
    "ones": 1,
    "config": 2,
    "configure": 2,
    "wait": 1,
}
"""By verb, relative to each other; a phase of a history multiplies each by a number of its own."""

LONG_WAIT: Final = 1300
WAITS: Final = (200, 500, LONG_WAIT)
"""Milliseconds in which nothing happens."""
