# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C ends a session, also when the exception that it raises is lost.

Python raises KeyboardInterrupt wherever the program happens to be. Where that is the clean-up of an object (a
destructor, the callback of a weak reference, a lock of the import machinery), the interpreter prints it and goes on,
and the session would run to its end as if nobody had asked.

A shell that starts jobs in the background turns signals off for them and for all that they start. For the session that
stays so; a qvm, which is stopped by these signals, must get them from its first moment on.
"""

from __future__ import annotations

import signal
from types import FrameType

import pytest


class InterruptKeeper:
    """Remembers that an interrupt was asked for; the next test then does not begin."""

    def __init__(self) -> None:
        self._asked = False
        self._installed = False

    def pytest_sessionstart(self) -> None:
        """Take the signal over, unless somebody else has, or a shell has turned it off."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._interrupt)
            self._installed = True
        for number in (signal.SIGINT, signal.SIGQUIT):
            if signal.getsignal(number) is signal.SIG_IGN:
                # Programs that are started inherit what is ignored, but not what has a handler.
                signal.signal(number, lambda _number, _frame: None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> None:
        """An interrupt that ended nothing ends the session here."""
        if self._asked:
            raise KeyboardInterrupt

    def pytest_unconfigure(self) -> None:
        """Give the signal back."""
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        signal.default_int_handler(number, frame)
