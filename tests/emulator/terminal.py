# SPDX-License-Identifier: Apache-2.0
"""A guest's console on a pseudo-terminal, as the transport of a probe client."""

from __future__ import annotations

import time
from pathlib import Path

import serial

from harness.console.buffer import ConsoleEndedError
from harness.guest.probe import Probe


class Terminal:
    """Reads and writes through pyserial."""

    def __init__(self, path: Path, system: str) -> None:
        self._serial = serial.Serial(str(path), exclusive=True)
        self._seen = bytearray()
        self.probe = Probe(self, system)

    def write(self, data: bytes) -> None:
        """Send bytes to the guest."""
        self._serial.write(data)

    def read(self, deadline: float) -> bytes:
        """At least one byte. Raises TimeoutError at ``deadline`` (of time.monotonic)."""
        self._serial.timeout = max(0.0, deadline - time.monotonic())
        try:
            data = bytes(self._serial.read(1))
        except serial.SerialException as error:
            raise ConsoleEndedError(str(error)) from error
        if not data:
            raise TimeoutError
        data += bytes(self._serial.read(self._serial.in_waiting))
        self._seen += data
        return data

    def last_lines(self, n: int = 20) -> str:
        """What the guest printed last."""
        return "\n".join(self._seen.decode(errors="replace").splitlines()[-n:])

    def close(self) -> None:
        """Give the terminal back."""
        self._serial.close()
