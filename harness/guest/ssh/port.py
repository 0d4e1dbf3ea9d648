# SPDX-License-Identifier: Apache-2.0
"""A TCP port on loopback that is reserved for a guest."""

from __future__ import annotations

import socket


class KeptPort:
    """A port that is bound here and listened to by another program: QEMU, which forwards it into the guest.

    With SO_REUSEADDR on both sides the kernel lets a second socket listen on a port that is only bound, but gives it to
    nobody who asks for any free port. So no other run can be handed the same one in between.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number = int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Let it go. May be called again."""
        self._socket.close()
