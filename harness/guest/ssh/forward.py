# SPDX-License-Identifier: Apache-2.0
"""A port of a machine made reachable on this machine, through an SSH connection."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import paramiko

from harness.host.ssh import SshConnection, SshLostError

_CHUNK_BYTES: Final = 65536
_JOIN_SECONDS: Final = 10.0


@contextmanager
def forwarded(connection: SshConnection, port: int) -> Iterator[int]:
    """Gives a port on loopback that leads to ``port`` of the machine, for as long as the context lasts.

    A connection that the machine refuses is closed at once. All of them are closed at the end.
    """
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        ending, wake = socket.socketpair()
        stack.enter_context(ending)
        stack.enter_context(wake)
        acceptor = threading.Thread(target=_accept, args=(connection, port, server, ending), daemon=True)
        acceptor.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            wake.close()
            acceptor.join(_JOIN_SECONDS)


def _accept(connection: SshConnection, port: int, server: socket.socket, ending: socket.socket) -> None:
    """Serve connections until the other end of ``ending`` closes."""
    relays: list[threading.Thread] = []
    while ending not in select.select([server, ending], [], [])[0]:
        near, _ = server.accept()
        relays.append(threading.Thread(target=_serve, args=(connection, port, near, ending), daemon=True))
        relays[-1].start()
    for relay in relays:
        relay.join(_JOIN_SECONDS)


def _serve(connection: SshConnection, port: int, near: socket.socket, ending: socket.socket) -> None:
    with near:
        try:
            far = connection.tunnel(port)
        except SshLostError:
            return
        with contextlib.closing(far), contextlib.suppress(OSError):
            _copy(near, far, ending)


def _copy(near: socket.socket, far: paramiko.Channel, ending: socket.socket) -> None:
    """Both ways until each side has ended, or the context does."""
    waiting: list[socket.socket | paramiko.Channel] = [near, far]
    while waiting and ending not in (ready := select.select([*waiting, ending], [], [])[0]):
        if near in ready:
            data = near.recv(_CHUNK_BYTES)
            if data:
                far.sendall(data)
            else:
                far.shutdown_write()
                waiting.remove(near)
        if far in ready:
            data = far.recv(_CHUNK_BYTES)
            if data:
                near.sendall(data)
            else:
                near.shutdown(socket.SHUT_WR)
                waiting.remove(far)
