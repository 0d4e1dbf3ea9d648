# SPDX-License-Identifier: Apache-2.0
"""What comes from a client of the control socket: lines, and descriptors beside them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from typing import Final

from harness.emulator import shortages
from harness.emulator.service.protocol import MAX_LINE, has_hung_up

_MOST_DESCRIPTORS: Final = 16
_LOOK_SECONDS: Final = 0.5


class Incoming:
    """Reads the socket of one client. ``descriptors`` are those that came and nobody has taken."""

    def __init__(self, client: socket.socket) -> None:
        self._socket = client
        self._input = bytearray()
        self.descriptors: list[int] = []

    async def line(self) -> bytes | None:
        """The next line, cut when it is too long for a request; None at the end. Raises OSError."""
        line = bytearray()
        while (end := self._input.find(b"\n")) < 0:
            line += self._input[: MAX_LINE + 1 - len(line)]
            self._input = bytearray(await self._some())
            if not self._input:
                return None
        line += self._input[:end]
        # In place: a copy of the rest for each of many lines would take a time that grows with its square.
        del self._input[: end + 1]
        return bytes(line)

    async def ended(self) -> None:
        """Until the client has ended; what it says before is kept for later."""
        while len(self._input) <= MAX_LINE:
            data = await self._some()
            if not data:
                break
            self._input += data
        while not has_hung_up(self._socket):
            await asyncio.sleep(_LOOK_SECONDS)

    def drop_descriptors(self) -> None:
        """Close those that nobody has taken."""
        while self.descriptors:
            os.close(self.descriptors.pop())

    async def _some(self) -> bytes:
        while True:
            await self._readable()
            with contextlib.suppress(BlockingIOError):
                data, fds, flags, _ = socket.recv_fds(self._socket, 1 << 16, 8)
                if flags & socket.MSG_CTRUNC:
                    shortages.note_number(errno.EMFILE, "descriptors from a qvm")
                self.descriptors += fds
                if len(self.descriptors) > _MOST_DESCRIPTORS:
                    raise ConnectionAbortedError("more descriptors than a request has")
                return data

    async def _readable(self) -> None:
        ready = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._socket)
