# SPDX-License-Identifier: Apache-2.0
"""A real SSH server on loopback, and a labgrid target with our driver bound to it."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labgrid import Target
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource import NetworkService

from harness.guest.ssh.driver import ShmemSSHDriver
from harness.loopback.image import Image
from harness.loopback.openssh import CLIENT_KEY, USER, OpenSsh, account_library
from harness.loopback.wrappers import Wrappers
from harness.provision.programs import board_programs
from tests import programs

CONNECT_SECONDS = 15.0


def serve(server: OpenSsh, log: Path, sftp_options: str = "") -> tuple[int, programs.Program[bytes]]:
    """Start an installed server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = server.command(port, sftp_options=sftp_options, max_sessions=None, path="")
    with log.open("ab") as out:
        return port, programs.Program(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


class Server:
    """The server, listening on ``port``; ``home`` is the account's folder, ``tools`` the first one on its PATH."""

    def __init__(self, folder: Path, sftp_options: str = "") -> None:
        self.home, self.tools = folder / "home", folder / "tools"
        for place in (self.home, self.tools):
            place.mkdir()
        etc = folder / "etc"
        image = Image(self.home, Path("/bin/sh"), f"{self.tools}:/usr/bin:/bin", etc)
        self._ssh = OpenSsh(folder, image, "*")
        self._ssh.install(Wrappers(folder / "libexec", board_programs(), account_library()))
        self.keyfile = etc / CLIENT_KEY
        self.host_key = self._ssh.host_key.read_text().strip()
        self.log = folder / "sshd.log"
        self.port, self._process = serve(self._ssh, self.log, sftp_options)

    def close(self) -> None:
        """End the server. Its sessions are processes of their own and go when their connections do."""
        self._process.terminate()
        self._process.wait(programs.PATIENCE)

    def known_hosts(self, folder: Path, port: int, key: str = "") -> Path:
        """A file that knows the server (or ``key``) at this port."""
        file = folder / "known_hosts"
        file.write_text(f"[127.0.0.1]:{port} {key or self.host_key}\n")
        return file


@contextmanager
def driver(port: int, user: str = USER, **arguments: Any) -> Iterator[ShmemSSHDriver]:
    """A target of its own with the driver, not yet active; everything is gone at the end."""
    target = Target("machine")
    try:
        NetworkService(target, None, "127.0.0.1", user, port=port)
        arguments.setdefault("connect_seconds", CONNECT_SECONDS)
        made: Driver = target_factory.make_driver(target, "ShmemSSHDriver", None, arguments)
        assert isinstance(made, ShmemSSHDriver)
        yield made
    finally:
        target.cleanup()


class Forwarder:
    """Stands between client and server. What a connection meets is decided when it comes."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.silent = threading.Event()
        """While set, connections are taken and nothing is done with them, ever."""
        self._open: list[socket.socket] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Cut all connections."""
        for end in self._open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        """Cut everything and stop to listen."""
        self._ending.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join(10)
        self.cut()
        for end in self._open:
            end.close()
        self._server.close()

    def _accept(self) -> None:
        while True:
            near, _ = self._server.accept()
            self._open.append(near)
            if self._ending.is_set():
                return
            if not self.silent.is_set():
                self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._target))
        except ConnectionRefusedError:
            near.close()
            return
        self._open.append(far)
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
