# SPDX-License-Identifier: Apache-2.0
"""Waits for a process until it ends or its owner does."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from typing import Final

_ENDS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Watch:
    """Over when the process is asked to end by a signal, which is only noted, or when ``lifeline`` closes."""

    def __init__(self, lifeline: int) -> None:
        asked, asking = os.pipe()
        os.set_blocking(asking, False)
        # Written by the system's handler: Python's own would run after the wait when a signal comes just before it.
        signal.set_wakeup_fd(asking)
        for number in _ENDS:
            signal.signal(number, lambda _number, _frame: None)
        self._poll = select.poll()
        for sign in (lifeline, asked):
            self._poll.register(sign, select.POLLIN | select.POLLHUP)

    def over(self) -> bool:
        """Whether the owner has ended, or a signal has arrived."""
        return bool(self._poll.poll(0))

    def wait(self, process: subprocess.Popen[str] | subprocess.Popen[bytes], seconds: float | None = None) -> None:
        """Return when the process has ended, when it is over, or after ``seconds``."""
        ended = os.pidfd_open(process.pid)
        self._poll.register(ended, select.POLLIN)
        try:
            self._poll.poll(None if seconds is None else seconds * 1000)
        finally:
            self._poll.unregister(ended)
            os.close(ended)
