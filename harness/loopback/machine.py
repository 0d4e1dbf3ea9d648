# SPDX-License-Identifier: Apache-2.0
"""The loopback board itself: what happens when its power goes on and off.

off --on--> booting --> up        off ends every process of the board at once, wherever it is, as a power cut does
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import bcrypt

from harness.emulator.qvm import command as qvm_command
from harness.emulator.service.client import EmulatedHost
from harness.errors import BenchError
from harness.loopback.disturbance import Disturbance
from harness.loopback.guestlines import GuestLine
from harness.loopback.image import HOST_CLIENT, IMAGES, ROOT, Image, Kind
from harness.loopback.line import Line
from harness.loopback.login import Credentials, Login
from harness.loopback.openssh import OpenSsh, account_library
from harness.loopback.processes import bury, kill_all
from harness.loopback.wrappers import Wrappers, write_script
from harness.narrow import present
from harness.provision.programs import board_programs

SERIAL: Final = "serial"
HOST: Final = "host"
USER: Final = "root"
PASSWORD: Final = "loopback"
"""The password of the serial line. It is no secret: only this user can open the line."""
SSH_PASSWORD: Final = "etc/password"
"""Every user of this machine can reach the SSH server: its password is made for one board and kept in its folder."""
READY: Final = "hypervisor host ready"
_LISTEN_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.02
_BURY_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Behaviour:
    """How the board behaves beyond what its disk says.

    ``profile`` and ``overrides`` are of its hypervisor's device. ``hanging_boots``: so many times from now, the boot
    stops in its middle. ``sftp_options`` are of OpenSSH's sftp-server, ``max_sessions`` is how many sessions a
    connection has, ``path`` the PATH of commands over SSH, ``terminals`` how many pseudo-terminals there are, all four
    in force from the next boot; left out, the image decides. ``guest_lines``:
    the consoles ``/dev/ttyp0``, ``/dev/ttyp1``, ... of guests are on so many serial lines, for the board's life; then
    nothing else may open them.
    """

    profile: str = "7.0"
    overrides: Mapping[str, str] = field(default_factory=dict)
    hanging_boots: int = 0
    sftp_options: str = ""
    max_sessions: int | None = None
    path: str = ""
    terminals: int | None = None
    guest_lines: int = 0


class Machine:
    """One board, with everything it has below ``folder``."""

    def __init__(self, folder: Path, behaviour: Behaviour, kind: Kind = "posix") -> None:
        """``kind`` is what is on its disk (``harness.loopback.image``)."""
        self.folder = folder
        self.behaviour = behaviour
        self.powered = False
        self._kind = kind
        self._port = _kept_port()
        self.port: int = self._port.getsockname()[1]
        self._image: Image | None = None
        self._ssh: OpenSsh | None = None
        self._lines: dict[str, Line] = {}
        self._host: EmulatedHost | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._running: asyncio.Task[None] | None = None
        self._switching = asyncio.Lock()

    def install(self) -> None:
        """Build the board: its disk, its keys, its serial lines. It has no power yet. Raises HarnessError."""
        (self.folder / "bin").mkdir(parents=True, exist_ok=True)
        socket_path = str(self.folder / HOST / "control")
        write_script(self.folder / "bin/qvm", qvm_command(), {"QVM_HOST": socket_path})
        client = [sys.executable, "-m", "harness.emulator.hostclient"]
        write_script(self.folder / "bin" / HOST_CLIENT, client, {"QVM_HOST": socket_path})
        wrappers = Wrappers(self.folder / "libexec", board_programs(), account_library())
        self._image = IMAGES[self._kind](self.folder, wrappers)
        password = secrets.token_urlsafe()
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        self._ssh = OpenSsh(self.folder, self._image, hashed)
        self._ssh.install(wrappers)
        (self.folder / SSH_PASSWORD).write_text(password)
        (self.folder / "port").write_text(f"{self.port}\n")
        self._lines = {name: Line(self.folder / name) for name in (SERIAL, *guest_lines(self.behaviour.guest_lines))}

    async def on(self) -> None:
        """Switch the power on, if it is off; does not wait for the boot."""
        async with self._switching:
            if not self.powered:
                self.powered = True
                self._running = asyncio.create_task(self._run())
                self._running.add_done_callback(_report)

    async def off(self) -> None:
        """Cut the power, if it is on: no process of the board is left when this returns."""
        async with self._switching:
            running, self._running = self._running, None
            if running:
                running.cancel()
                await asyncio.wait([running])
            kill_all()
            server, self._server = self._server, None
            if server:
                server.wait()
            host, self._host = self._host, None
            if host:
                await asyncio.to_thread(host.stop)
            bury(set())
            (self.folder / HOST).unlink(missing_ok=True)
            for line in self._lines.values():
                line.drop()
            self.powered = False

    async def reset(self) -> None:
        """The board restarts by itself, as after a crash."""
        await self.off()
        await self.on()

    def disturb(self, line: str, disturbance: Disturbance) -> None:
        """Disturb one of the serial lines. Raises KeyError."""
        self._lines[line].disturb(disturbance)

    async def close(self) -> None:
        """Cut the power for good and take the lines away."""
        await self.off()
        for line in self._lines.values():
            line.close()
        self._port.close()

    async def _run(self) -> None:
        """From power on until power off."""
        image, ssh = present(self._image), present(self._ssh)
        serial = self._lines[SERIAL]
        serial.write(b"\r\n\r\nLoopback board, boot loader\r\nLoading image")
        if self.behaviour.hanging_boots:
            self.behaviour = replace(self.behaviour, hanging_boots=self.behaviour.hanging_boots - 1)
            return
        host = EmulatedHost(
            profile=self.behaviour.profile,
            overrides=self.behaviour.overrides,
            log=self.folder / "host.log",
            terminals=image.terminals if self.behaviour.terminals is None else self.behaviour.terminals,
        )
        # Before it has started: what a power cut in the middle leaves behind is its to remove.
        self._host = host
        await asyncio.to_thread(host.start)
        serial.write(b"....... done\r\n")
        (self.folder / HOST).symlink_to(host.run_directory)
        command = ssh.command(
            self.port,
            sftp_options=self.behaviour.sftp_options,
            max_sessions=self.behaviour.max_sessions,
            path=self.behaviour.path,
        )
        self._server = ssh.start(command, self.folder / "sshd.log")
        await self._listening(self._server)
        serial.write(f"[    0.104233] network: 127.0.0.1\r\n{READY}\r\n".encode())
        tasks = [
            asyncio.create_task(GuestLine(self._lines[name], host.root / f"dev/ttyp{number}").serve())
            for number, name in enumerate(guest_lines(self.behaviour.guest_lines))
        ]
        login = Login(serial, Credentials(USER, PASSWORD), image, self._variables(image, ssh))
        tasks.append(asyncio.create_task(self._bury_orphans(login)))
        try:
            await login.serve()
        finally:
            for task in tasks:
                task.cancel()

    def _variables(self, image: Image, ssh: OpenSsh) -> dict[str, str]:
        """The environment of the shell on the serial line."""
        return {
            "PATH": image.path,
            "HOME": str(image.home),
            "USER": USER,
            "TERM": "dumb",
            "PS1": "# ",
            "BOARD_HOST_KEY": str(ssh.host_key),
            "BOARD_ROOT": str(self.folder / ROOT),
        }

    async def _bury_orphans(self, login: Login) -> None:
        """Collect ended processes, as init does, except children that other code waits for."""
        while True:
            await asyncio.sleep(_BURY_SECONDS)
            waited_for = {login.shell_pid}
            waited_for |= {self._server.pid} if self._server else set()
            waited_for |= {self._host.pid} if self._host else set()
            bury(waited_for)

    async def _listening(self, server: subprocess.Popen[bytes]) -> None:
        """Until the SSH server takes connections."""
        async with asyncio.timeout(_LISTEN_SECONDS):
            while server.poll() is None:
                with contextlib.suppress(ConnectionRefusedError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                # A port that begins to listen has no event.
                await asyncio.sleep(_LOOK_SECONDS)
        raise BenchError(f"the SSH server of the loopback board ended: {(self.folder / 'sshd.log').read_text()}")


def guest_lines(count: int) -> list[str]:
    """Names of the serial lines for consoles of guests, in the order of the guests."""
    return [f"uart{number}" for number in range(1, count + 1)]


def _report(task: asyncio.Task[None]) -> None:
    """A board that breaks says so in its log; what the lab sees is a board that is silent."""
    if not task.cancelled() and (error := task.exception()):
        _log.error("internal error of the loopback board", exc_info=error)


def _kept_port() -> socket.socket:
    """A port that stays the board's while it has no power: bound here, so that no other program gets it as a free port.

    The kernel lets the SSH server listen on it all the same, because both sides set SO_REUSEADDR.
    """
    kept = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    return kept
