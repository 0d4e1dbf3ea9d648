# SPDX-License-Identifier: Apache-2.0
"""Connections that give up when the other side is silent."""

from __future__ import annotations

import contextlib
import socket
from typing import Final

SILENCE_MILLISECONDS: Final = 20_000


def silent_socket(host: str, port: int, timeout: float) -> socket.socket:
    """A connected socket that gives up when the other side has acknowledged nothing for a while."""
    connection = socket.create_connection((host, port), timeout=timeout)
    connection.settimeout(None)
    with contextlib.suppress(OSError, AttributeError):  # not every system has it; keepalives then do it, later
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MILLISECONDS)
    return connection
