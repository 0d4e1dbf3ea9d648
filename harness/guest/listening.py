# SPDX-License-Identifier: Apache-2.0
"""Waiting for the interrupts of a device that a change of a status word stands behind.

A line may interrupt once more for a change that the handler is just reading: a level is asserted until the read, and a
busy machine is slow to lower it. A driver disowns such an interrupt, and so it is not one of those that are waited for.
"""

from __future__ import annotations

import time
from typing import Final

from harness.guest.probe import Probe
from harness.guest.probe_measurements import InterruptWait

_OWNED_FOR_EACH: Final = 10
"""A line may have one disowned interrupt for so many others; on a machine without time, one for 200 was seen."""


def most_disowned(owned: int, way: str) -> int:
    """How many disowned interrupts a guest may have beside so many owned ones: none in the way of a ``message``.

    A line that is raised again although its change was read is disowned about as often as it is owned.
    """
    return 0 if way == "message" else 1 + owned // _OWNED_FOR_EACH


class Listening:
    """From the moment at which a guest has begun to listen, with all counts at 0."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._taken = 0
        self._owned = 0

    def wait(self, seconds: float, count: int = 1) -> InterruptWait:
        """Wait until so many owned ones have come since the wait before; those that came already count."""
        deadline = time.monotonic() + seconds
        waited = self._probe.irq_wait(seconds, count)
        self._taken += waited.interrupts
        while True:
            counted = self._probe.irq_count()
            lacking = count - (counted.owned - self._owned)
            left = deadline - time.monotonic()
            if counted.taken > self._taken:
                # Its senders are with the interrupts that no wait has reported.
                more = self._probe.irq_wait(0.0, counted.taken - self._taken)
            elif lacking > 0 and left > 0:
                more = self._probe.irq_wait(left, lacking)
            else:
                owned, self._owned = counted.owned - self._owned, counted.owned
                return InterruptWait(owned, lacking > 0, waited.pending)
            self._taken += more.interrupts
            waited = waited.joined(more)
