# SPDX-License-Identifier: Apache-2.0
"""How a change of a client's status word becomes an interrupt of its guest.

Two ways, none of which waits for QEMU: an event that QEMU turns into a message-signalled interrupt, or a pulse on the
line that the machine has given to the device. Events of the INTx kind are never used: QEMU would stop mapping the
window with the first of them, and data access would fall from RAM speed to one message each.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final, Protocol


class Line(Protocol):
    """A wire into the guest's interrupt controller. ``repeat_after`` is in seconds."""

    repeat_after: float

    def pulse(self) -> None:
        """Interrupt the guest once, unless the same interrupt is pending already."""


class Interrupt:
    """The interrupt of one device, shared by all its connections.

    A level (SHM-OPEN-14) stays asserted until ``status`` is read: while a change has not been read, the interrupt is
    re-raised with exponential back-off. An edge is raised once.
    """

    _SLOWEST: Final = 0.4

    def __init__(self, *, level: bool) -> None:
        self._level = level
        self._unread: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._withheld = False
        self._line: Line | None = None
        self.event: Callable[[], int | None] = lambda: None
        """Descriptor of the event for the message-signalled interrupt, while the guest has that enabled."""
        self.disabled: Callable[[], bool] = lambda: False
        """Whether the guest has switched the pin off; messages are another matter."""

    @property
    def line(self) -> Line | None:
        """The wire into the guest's interrupt controller; None before the machine has given one.

        A guest may run before: what has changed by then is raised as soon as there is a wire.
        """
        return self._line

    @line.setter
    def line(self, line: Line | None) -> None:
        self._line = line
        if line is not None and self.asserted:
            if self.event() is None:
                self._raise_line()
            self._repeat_if_level()

    @property
    def asserted(self) -> bool:
        """Whether there is a change that the guest has not read."""
        return bool(self._unread)

    def enabled_again(self) -> None:
        """The guest has enabled the pin: raise it for changes that it has not read, an edge for one that it lacks."""
        if self.asserted and self.event() is None and (self._level or self._withheld):
            self._raise_line()
            self._stop_repeating()
            self._repeat_if_level()

    def changed(self, slot: int) -> None:
        """The status word that the guest reads in ``slot`` is another one now."""
        self._unread.add(slot)
        self._raise_line()
        self._repeat_if_level()

    def signalled_again(self) -> None:
        """A signal has come that changes nothing, as an earlier one has not been read.

        A level is asserted all the time, so that a handler which does not read ``status`` is called again. A message
        or an edge stands for a change, and there is none.
        """
        if self._level and self.asserted and self.event() is None:
            self._raise_line()
            self._stop_repeating()
            self._repeat_if_level()

    def read(self, slot: int) -> None:
        """The guest has read the status word of ``slot``, or has left it."""
        self._unread.discard(slot)
        if not self._unread:
            self._stop_repeating()

    def _raise_line(self) -> None:
        event = self.event()
        if event is not None:
            os.eventfd_write(event, 1)
        elif self.line is not None:
            self._withheld = self.disabled()
            if not self._withheld:
                self.line.pulse()

    def _repeat_if_level(self) -> None:
        if self._level and self.line is not None and self._timer is None:
            self._repeat_in(self.line.repeat_after)

    def _stop_repeating(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _repeat_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._repeat, seconds)

    def _repeat(self, seconds: float) -> None:
        if self.event() is None:
            self._raise_line()
        self._repeat_in(min(2 * seconds, self._SLOWEST))

    def close(self) -> None:
        """No interrupt any more."""
        self._unread.clear()
        self._stop_repeating()
        self.line = None
        self.event = lambda: None
