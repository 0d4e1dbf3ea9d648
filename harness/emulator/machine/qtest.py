# SPDX-License-Identifier: Apache-2.0
"""QEMU's qtest channel: memory, ports and interrupt inputs of a running machine, reached from outside.

Source: QEMU, "QTest Device Emulation Testing Framework", section "QTest Protocol". An answer must never be waited for
inside a request of a device, as QEMU's virtual CPU waits for the device at that time; ``post`` does not wait.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Sequence

from harness.narrow import instance

_LOG = logging.getLogger(__name__)
_TIMEOUT = 60.0
_MOST_WAITING = 256
"""Answers that are waited for at a time where more of the same would change nothing."""


class QtestError(Exception):
    """QEMU refused a command, or did not answer."""


class Qtest(asyncio.Protocol):
    """One qtest channel; commands are answered in their order."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._transport: asyncio.Transport | None = None
        self._input = bytearray()
        self._waiting: deque[tuple[str, asyncio.Future[str] | None]] = deque()
        self._later: dict[tuple[str, ...], None] = {}

    async def open(self) -> None:
        """Take the channel into the running loop."""
        await asyncio.get_running_loop().create_connection(lambda: self, sock=self._channel)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = instance(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._input += data
        while b"\n" in self._input:
            line, _, rest = bytes(self._input).partition(b"\n")
            self._input = bytearray(rest)
            self._answered(line.decode(errors="replace").strip())

    def _answered(self, answer: str) -> None:
        command, future = self._waiting.popleft()
        if answer.startswith("OK"):
            if future is not None and not future.done():
                future.set_result(answer[2:].strip())
        elif future is not None and not future.done():
            future.set_exception(QtestError(f"{command!r}: {answer}"))
        else:
            _LOG.error("qtest: %r: %s", command, answer)
        while self._later and len(self._waiting) < _MOST_WAITING:
            commands, _ = self._later.popitem()
            self.post(*commands)

    def connection_lost(self, _exc: Exception | None) -> None:
        while self._waiting:
            command, future = self._waiting.popleft()
            if future is not None and not future.done():
                future.set_exception(QtestError(f"{command!r}: QEMU has ended"))

    def post(self, *commands: str) -> None:
        """Send commands and go on; a refusal is logged.

        QEMU carries out what arrives together without letting the guest run in between.
        """
        self._send(commands, None)

    def pulse(self, *commands: str) -> None:
        """Post commands that may run together with others of the same kind, once more after the last of them at least.

        A QEMU that takes nothing (it is suspended, or too slow) is not sent interrupts without an end.
        """
        if len(self._waiting) < _MOST_WAITING:
            self.post(*commands)
        else:
            self._later[commands] = None

    async def command(self, command: str) -> str:
        """Send a command; returns what follows ``OK``. Raises QtestError."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._send((command,), future)
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await future
        except TimeoutError as error:
            raise QtestError(f"no answer to {command!r} within {_TIMEOUT:g} s") from error

    def _send(self, commands: Sequence[str], future: asyncio.Future[str] | None) -> None:
        if self._transport is None or self._transport.is_closing():
            if future is not None:
                future.set_exception(QtestError(f"{commands[0]!r}: QEMU has ended"))
            return
        self._waiting.extend((command, future) for command in commands)
        self._transport.write("".join(f"{command}\n" for command in commands).encode())

    def close(self) -> None:
        """Close the channel; harmless twice."""
        if self._transport is not None:
            self._transport.close()
        self._channel.close()
