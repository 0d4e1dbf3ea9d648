# SPDX-License-Identifier: Apache-2.0
"""The log of one host: its serial console and what the harness did with it, in one file in the order of time."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from harness.console.buffer import ConsoleLog


class HostLog(ConsoleLog):
    """A console log that several threads write to. Without a path it goes nowhere."""

    def __init__(self, path: Path | None, name: str) -> None:
        self._lock = threading.RLock()
        super().__init__(path or Path(os.devnull), name)

    def received(self, data: bytes) -> None:
        """See ConsoleLog."""
        with self._lock:
            super().received(data)

    def sent(self, data: bytes) -> None:
        """See ConsoleLog."""
        with self._lock:
            super().sent(data)

    def remark(self, text: str) -> None:
        """See ConsoleLog. A remark of several lines has a mark on each; one after the end is lost."""
        with self._lock:
            if not self._file.closed:
                for line in text.splitlines():
                    super().remark(line)

    def close(self) -> None:
        """See ConsoleLog."""
        with self._lock:
            super().close()
