# SPDX-License-Identifier: Apache-2.0
"""The console of a guest on a socket, for a QEMU that no host is around."""

from __future__ import annotations

import select
import socket
import time
from typing import Final

from harness.console.buffer import ConsoleEndedError

_WRITE_SECONDS: Final = 60.0


class SocketConsole:
    """The probe's console as :class:`harness.guest.probe_link.Transport`. ``said`` is all that has come."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._socket.setblocking(False)
        self._unread = bytearray()
        self.said = bytearray()

    def write(self, data: bytes) -> None:
        """Send all of it, and take meanwhile what comes: a guest that waits to be heard hears nothing itself."""
        end = time.monotonic() + _WRITE_SECONDS
        while data:
            readable, writable, _ = select.select([self._socket], [self._socket], [], max(0.0, end - time.monotonic()))
            if readable:
                self._take()
            if writable:
                data = data[self._socket.send(data) :]
            if not readable and not writable:
                raise TimeoutError

    def read(self, deadline: float) -> bytes:
        """At least one byte. Raises TimeoutError, and ConsoleEndedError when QEMU has gone."""
        if not self._unread:
            ready, _, _ = select.select([self._socket], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            self._take()
        data = bytes(self._unread)
        self._unread.clear()
        return data

    def _take(self) -> None:
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:
            # It has not read what it was sent.
            data = b""
        if not data:
            raise ConsoleEndedError("QEMU has gone")
        self.said += data
        self._unread += data

    def last_lines(self, n: int = 20) -> str:
        """The last lines that have come."""
        return "\n".join(self.said.decode("latin-1").splitlines()[-n:])
