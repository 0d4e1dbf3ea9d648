# SPDX-License-Identifier: Apache-2.0
"""An SSH server that lets everybody in, opens channels, and answers nothing that is asked on them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
from paramiko.common import AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from harness.guest.linux_keys import BenchKeys
from harness.host.ssh import SshLogin


class _Silent(paramiko.ServerInterface):
    def __init__(self, end: threading.Event, opened: Callable[[], None]) -> None:
        self._end = end
        self._opened = opened

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        self._opened()
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:  # noqa: ARG002
        return not self._end.wait(30)

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:  # noqa: ARG002
        return not self._end.wait(30)


@contextmanager
def half_a_server(folder: Path, opened: Callable[[], None]) -> Iterator[tuple[int, SshLogin]]:
    """Its port, and a login that it takes. It calls ``opened`` when it opens a channel."""
    keys = BenchKeys.create(folder / "keys")
    end = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        acceptor = threading.Thread(target=_serve, args=(server, keys, _Silent(end, opened), end), daemon=True)
        acceptor.start()
        try:
            yield server.getsockname()[1], SshLogin(keys.keyfile, agent=False)
        finally:
            end.set()
            acceptor.join(10)


def _serve(server: socket.socket, keys: BenchKeys, silent: _Silent, end: threading.Event) -> None:
    near, _ = server.accept()
    with contextlib.closing(paramiko.Transport(near)) as transport:
        transport.add_server_key(paramiko.PKey.from_path(keys.keyfile))
        transport.start_server(server=silent)
        end.wait(30)
