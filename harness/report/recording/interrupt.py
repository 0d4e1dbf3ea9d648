# SPDX-License-Identifier: Apache-2.0
"""SIGINT, SIGTERM and SIGHUP end a session and leave a report, also when the exception that they raise is lost.

Python raises the exception wherever the program happens to be. Where that is the clean-up of an object (a destructor,
the callback of a weak reference, a lock of the import machinery), the interpreter prints it and goes on, and the
session would run to its end as if nobody had asked.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Generator
from typing import Final

import pytest

from harness.process import ending

NAME: Final = "harness-interrupt-keeper"
"""Of the plugin."""


class InterruptKeeper:
    """Listens from now on. Remembers that an interrupt was asked for; the next test then does not begin."""

    def __init__(self) -> None:
        self._asked: signal.Signals | None = None
        self._over = False
        self._listening = contextlib.ExitStack()
        self._listening.enter_context(ending.listening(self._interrupt))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> None:
        """An interrupt that ended nothing ends the session here."""
        if self._asked is not None:
            raise ending.Interrupted(self._asked.name)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """All benches are down: the report, which comes next, is not cut off by a signal."""
        try:
            return (yield)
        finally:
            self._over = True

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Give the signals back."""
        self._listening.close()

    def _interrupt(self, number: signal.Signals) -> None:
        self._asked = number
        if not self._over:
            raise ending.Interrupted(number.name)
