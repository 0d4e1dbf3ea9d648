# SPDX-License-Identifier: Apache-2.0
"""SSH servers without a board: OpenSSH and dropbear, with one account of theirs."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from harness.host.hostkeys import HostKeys
from harness.host.ssh import SshAddress, SshConnection, SshLogin, wait_for_ssh
from harness.loopback.image import Image
from harness.loopback.openssh import CLIENT_KEY, USER, OpenSsh, account_library
from harness.loopback.wrappers import Wrappers
from harness.provision.apt import Request, packages
from harness.provision.programs import Programs, board_programs
from harness.provision.qemu_program import own_architecture
from tests import programs
from tests.linux.sshd import serve

Kind = Literal["OpenSSH", "dropbear"]

_OF_LINUX_GUESTS: Final = ("busybox-static", "dropbear-bin", "openssh-sftp-server")
"""As the image of Linux guests asks for them, so that they are in the cache already."""
_NEEDED: Final = ("busybox-static", "dropbear-bin", "libc6", "libcrypt1", "libgmp10", "libtom", "zlib1g")
_LOG: Final = "server.log"


class Servers:
    """Both servers, installed below ``folder``. Started ones end with ``serving``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._wrappers = Wrappers(folder / "lib", board_programs(), account_library())
        self._image = Image(folder / "home", Path("/bin/sh"), "/usr/bin:/bin", folder / "etc")
        for place in (self._image.home, folder / "libexec"):
            place.mkdir()
        self._openssh = OpenSsh(folder, self._image, "*")
        self._openssh.install(self._wrappers)
        self._guests = _unpacked(folder / "guests")
        self._install_dropbear()

    def _install_dropbear(self) -> None:
        etc, home = self.folder / "etc", self._image.home
        (home / ".ssh").mkdir(mode=0o700)
        shutil.copy(etc / "authorized_keys", home / ".ssh")
        (home / ".ssh/authorized_keys").chmod(0o600)
        variables = {"BOARD_USER": USER, "BOARD_HOME": str(home), "BOARD_SHELL": "/bin/sh", "BOARD_PASSWORD": "*"}
        others = Wrappers(self.folder / "lib/guests", self._guests, account_library())
        others.write(self.folder / "libexec/dropbear", "/usr/sbin/dropbear", variables=variables)
        command = [*self._guests.command("/usr/bin/dropbearkey"), "-t", "ed25519", "-f", str(etc / "dropbear_key")]
        programs.run(command, capture_output=True, check=True)

    @property
    def busybox(self) -> Path:
        """The shell of Linux guests, with its applets."""
        return self._guests.path("/usr/bin/busybox")

    @property
    def mksh(self) -> Path:
        """A shell of the pdksh family, which needs no library."""
        return self._wrappers.programs.path("/usr/bin/mksh-static")

    @contextlib.contextmanager
    def serving(self, kind: Kind) -> Iterator[int]:
        """The server runs; its port."""
        with self._openssh_serves() if kind == "OpenSSH" else self._dropbear_serves() as port:
            yield port

    @contextlib.contextmanager
    def _openssh_serves(self) -> Iterator[int]:
        port, started = serve(self._openssh, self.folder / _LOG)
        try:
            yield port
        finally:
            started.end()

    @contextlib.contextmanager
    def _dropbear_serves(self) -> Iterator[int]:
        """A process for each connection: a server of its own would start itself again, without our libraries."""
        command = [str(self.folder / "libexec/dropbear"), "-i", "-E", "-s", "-r", str(self.folder / "etc/dropbear_key")]
        started: list[programs.Program[bytes]] = []

        def serve() -> None:
            with contextlib.suppress(OSError), (self.folder / _LOG).open("ab") as log:
                while True:
                    with server.accept()[0] as came:
                        started.append(programs.Program(command, stdin=came.fileno(), stdout=came.fileno(), stderr=log))

        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=serve)
            thread.start()
            try:
                yield server.getsockname()[1]
            finally:
                server.shutdown(socket.SHUT_RDWR)
                thread.join()
                for each in started:
                    each.end()

    def connection(self, port: int, variables: Mapping[str, str]) -> SshConnection:
        """A connection to the server on this port, whose commands have these variables."""
        connection = SshConnection(
            "server",
            SshAddress("127.0.0.1", port, USER),
            SshLogin(self.folder / "etc" / CLIENT_KEY, agent=False),
            HostKeys("unchecked"),
            variables,
        )
        wait_for_ssh(connection, programs.PATIENCE, lambda: None)
        return connection


def _unpacked(folder: Path) -> Programs:
    for package in packages(Request(_OF_LINUX_GUESTS, own_architecture())):
        if package.name.startswith(_NEEDED):
            programs.run(["dpkg-deb", "--extract", package.file, folder], check=True)
    return Programs(folder)
