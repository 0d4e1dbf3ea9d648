# SPDX-License-Identifier: Apache-2.0
"""Connections and channels that give up when the other side is silent, or says too much."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from typing import Final

import paramiko

SILENCE_MILLISECONDS: Final = 20_000
MOST_BYTES: Final = 16 << 20
"""Of what a command says: one that says more does not do what it was asked for, and may never end."""
_CHUNK_BYTES: Final = 65536


def silent_socket(host: str, port: int, timeout: float) -> socket.socket:
    """A connected socket that gives up when the other side has acknowledged nothing for a while."""
    connection = socket.create_connection((host, port), timeout=timeout)
    connection.settimeout(None)
    with contextlib.suppress(OSError, AttributeError):  # not every system has it; keepalives then do it, later
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MILLISECONDS)
    return connection


def receive(channel: paramiko.Channel, deadline: float | None) -> bytes | None:
    """Bytes of a channel: none at its end, None at ``deadline`` (``time.monotonic()``, or no limit)."""
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    if not poll.poll(None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000):
        return None
    return channel.recv(_CHUNK_BYTES)


def exit_status(channel: paramiko.Channel, deadline: float) -> int | None:
    """The exit status that a finished command has sent; None when the connection ended without one."""
    channel.status_event.wait(max(0.0, deadline - time.monotonic()))
    return channel.exit_status if channel.exit_status >= 0 else None
