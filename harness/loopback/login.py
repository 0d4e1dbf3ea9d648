# SPDX-License-Identifier: Apache-2.0
"""The login on the loopback board's serial line, and the shell behind it: a real one, on a terminal of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from harness.loopback.image import Image
from harness.loopback.line import Line

_CHUNK_BYTES: Final = 65536
_RETURNS: Final = b"\r\n"
_ERASE: Final = b"\x7f\x08"
_PUNISHMENT_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Credentials:
    """Who may log in."""

    user: str
    password: str


class Login:
    """Asks for a name and a password, runs a shell if they are right, and asks again."""

    def __init__(self, line: Line, credentials: Credentials, image: Image, environment: Mapping[str, str]) -> None:
        self._line = line
        self._credentials = credentials
        self._image = image
        self._environment = dict(environment)
        self.shell_pid = 0
        self._input: asyncio.Queue[int] = asyncio.Queue()

    async def serve(self) -> None:
        """Until it is cancelled."""
        while True:
            self._line.received = self._typed
            self._line.write(b"\r\nloopback login: ")
            name = await self._read_line(echo=True)
            if not name:
                continue
            self._line.write(b"Password:")
            password = await self._read_line(echo=False)
            if (name, password) == (self._credentials.user, self._credentials.password):
                await self._shell()
            else:
                await asyncio.sleep(_PUNISHMENT_SECONDS)  # what every login does to those who guess
                self._line.write(b"\r\nLogin incorrect\r\n")

    def _typed(self, data: bytes) -> None:
        for byte in data:
            self._input.put_nowait(byte)

    async def _read_line(self, *, echo: bool) -> str:
        line = bytearray()
        while (byte := await self._input.get()) not in _RETURNS:
            if byte in _ERASE:
                del line[-1:]
                continue
            line.append(byte)
            if echo:
                self._line.write(bytes([byte]))
        self._line.write(b"\r\n")
        return line.decode("utf-8", "replace")

    async def _shell(self) -> None:
        """Run the shell; the line is its terminal until it ends."""
        controller, terminal = os.openpty()
        try:
            process = await asyncio.create_subprocess_exec(
                str(self._image.shell),
                "-i",
                cwd=self._image.home,
                env=self._environment,
                # It becomes the leader of a session with this terminal, as a login makes it.
                preexec_fn=lambda: os.login_tty(terminal),
                pass_fds=[terminal],
            )
        finally:
            os.close(terminal)
        self.shell_pid = process.pid
        loop = asyncio.get_running_loop()
        os.set_blocking(controller, False)
        self._line.received = lambda data: _write(controller, data)
        loop.add_reader(controller, self._shell_said, controller)
        try:
            await process.wait()
        finally:
            loop.remove_reader(controller)
            os.close(controller)

    def _shell_said(self, controller: int) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                data = os.read(controller, _CHUNK_BYTES)
            except OSError:  # the shell has closed its terminal
                asyncio.get_running_loop().remove_reader(controller)
                return
            self._line.write(data)


def _write(controller: int, data: bytes) -> None:
    """To the shell; one that does not read loses what is typed, as on a terminal that beeps."""
    with contextlib.suppress(OSError):
        os.write(controller, data)
