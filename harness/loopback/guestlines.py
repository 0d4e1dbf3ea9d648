# SPDX-License-Identifier: Apache-2.0
"""A guest's console on a serial line of the loopback board, as if a UART of the board were handed to the guest."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Final

from harness.loopback.line import ENOUGH_BYTES, Line

_CHUNK_BYTES: Final = 4096
_LOOK_SECONDS: Final = 0.03
_DRAIN_SECONDS: Final = 0.005


class GuestLine:
    """Connects the line to the terminal of the guest that uses it, one guest after the other."""

    def __init__(self, line: Line, terminal: Path) -> None:
        self._line = line
        self._terminal = terminal

    async def serve(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                terminal = os.open(self._terminal, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            except OSError:
                await asyncio.sleep(_LOOK_SECONDS)  # no guest has this console yet
                continue
            try:
                await self._join(terminal)
            finally:
                os.close(terminal)

    async def _join(self, terminal: int) -> None:
        """Carry bytes both ways until the guest is gone."""
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(terminal, readable.set)
        self._line.received = lambda data: _send(terminal, data)
        try:
            while True:
                await readable.wait()
                readable.clear()
                try:
                    data = os.read(terminal, _CHUNK_BYTES)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if not data:  # the guest's end is closed
                    return
                self._line.write(data)
                while self._line.backlog > ENOUGH_BYTES:
                    await asyncio.sleep(_DRAIN_SECONDS)
        finally:
            loop.remove_reader(terminal)


def _send(terminal: int, data: bytes) -> None:
    """To the guest; one that does not take its input loses it, as on a UART without flow control."""
    with contextlib.suppress(OSError):
        os.write(terminal, data)
