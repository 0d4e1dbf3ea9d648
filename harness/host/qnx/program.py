# SPDX-License-Identifier: Apache-2.0
"""A program of a QNX host as a client of regions, driven line by line over an SSH channel (docs/host-client.md)."""

from __future__ import annotations

import contextlib
import time
from typing import Final, Self

from harness.errors import BenchError, OperationRefusedError
from harness.host.protocol import HostConnection, HostProgram
from harness.host.sockets import MOST_BYTES, exit_status, receive
from harness.host.ssh import SshConnection

_GREETING: Final = "@host-client 1"
_SECONDS: Final = 15.0
_PIECE_BYTES: Final = 4096
"""Data in one line, as the program on the host takes it."""
_LATIN: Final = "utf-8", "surrogateescape"


class QnxHostProgram(HostProgram):
    """One started program; it ends with its input."""

    def __init__(self, connection: SshConnection, command: str) -> None:
        """Start it. Raises SshLostError, and BenchError with its words when it does not greet."""
        self._name = connection.name
        self._command = command
        self._said = bytearray()
        self._channel = connection.open(f"exec {command}")
        self._channel.settimeout(_SECONDS)
        try:
            greeting = self._line(time.monotonic() + _SECONDS)
            if greeting != _GREETING:
                raise self.error(f"began with {greeting!r} and not with {_GREETING!r}")
        except BaseException:
            self._channel.close()
            raise

    def attach(self, name: str) -> HostConnection | None:
        """See HostProgram."""
        return self._made("attach", _hex(name))

    def create(self, name: str, pages: int) -> HostConnection:
        """See HostProgram. Raises OperationRefusedError with the host's number of the error where it is refused."""
        made = self._made("create", _hex(name), pages)
        if made is None:
            raise self.error("says that there is no region that it was to create")
        return made

    def _made(self, *words: object) -> HostConnection | None:
        answer = self.ask(*words)
        if answer == ["none"]:
            return None
        connection, index, pages = self._numbers(answer, 3)
        return _Connection(self, connection, index, pages)

    def ask(self, *words: object, seconds: float = _SECONDS) -> list[str]:
        """The words of the answer to a request. Raises OperationRefusedError for an error.

        Raises BenchError where no answer comes within so many seconds, or one that is none.
        """
        request = " ".join(str(word) for word in words)
        try:
            self._channel.sendall(f"{request}\n".encode())
        except OSError as error:
            raise self.error(f"takes no request: {error}") from error
        answer = self._line(time.monotonic() + seconds)
        found = answer.split()
        if found[:1] == ["error"]:
            number = int(found[1]) if found[1:] and found[1].isdecimal() else 0
            raise OperationRefusedError(
                f"{self._name}: the host refuses {request[:80]!r} with {answer[:200]!r}", number=number
            )
        if found[:1] not in (["ok"], ["none"]):
            raise self.error(f"answered {request[:80]!r} with {answer[:200]!r}")
        return found

    def number(self, *words: object, seconds: float = _SECONDS) -> int:
        """The one number of an answer."""
        return self._numbers(self.ask(*words, seconds=seconds), 1)[0]

    def _numbers(self, answer: list[str], count: int) -> list[int]:
        try:
            numbers = [int(word) for word in answer[1:]]
        except ValueError:
            numbers = []
        if len(numbers) != count:
            raise self.error(f"gave {' '.join(answer)!r} where {count} numbers were asked for")
        return numbers

    def _line(self, deadline: float) -> str:
        while b"\n" not in self._said:
            data = receive(self._channel, deadline)
            if data is None:
                raise self.error("did not answer in time")
            if not data:
                status = exit_status(self._channel, deadline)
                said = self._said.decode("utf-8", "replace").strip() or "nothing"
                raise self.error(f"ended with exit status {status} and said: {said}")
            self._said += data
            if len(self._said) > MOST_BYTES:
                raise self.error(f"says more than {MOST_BYTES} bytes without the end of a line")
        line, _, rest = bytes(self._said).partition(b"\n")
        self._said[:] = rest
        return line.decode("utf-8", "replace").strip()

    def error(self, what: str) -> BenchError:
        """An error of the bench about the program, with what it did."""
        return BenchError(
            f"{self._name}: the client of regions on the host, {self._command!r}, {what}",
            remedy="build it for the host's release and name it as 'host_client' (docs/host-client.md)",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """End its input, and wait for its end: it leaves its regions by that, and others see them without it then."""
        with contextlib.suppress(OSError):
            self._channel.shutdown_write()
        exit_status(self._channel, time.monotonic() + _SECONDS)
        self._channel.close()


class _Connection(HostConnection):
    """A connection that the program has by a number."""

    def __init__(self, program: QnxHostProgram, number: int, index: int, pages: int) -> None:
        self._program = program
        self._number = number
        self.index = index
        self.pages = pages

    def read(self, offset: int, length: int) -> bytes:
        """See HostConnection."""
        starts = range(0, length, _PIECE_BYTES)
        return b"".join(self._piece(offset + start, min(_PIECE_BYTES, length - start)) for start in starts)

    def _piece(self, offset: int, size: int) -> bytes:
        words = self._program.ask("read", self._number, offset, size)[1:]
        try:
            data = bytes.fromhex("".join(words))
        except ValueError:
            data = b""
        if len(data) != size:
            raise self._program.error(f"gave {len(data)} bytes where {size} were asked for")
        return data

    def write(self, offset: int, data: bytes) -> None:
        """See HostConnection."""
        for start in range(0, len(data), _PIECE_BYTES):
            self._program.ask("write", self._number, offset + start, data[start : start + _PIECE_BYTES].hex())

    def notify(self, mask: int) -> None:
        """See HostConnection."""
        self._program.ask("notify", self._number, mask)

    def status(self) -> int:
        """See HostConnection."""
        return self._program.number("status", self._number)

    def wait_pulses(self, count: int, timeout: float) -> int:
        """See HostConnection."""
        words = ("pulses", self._number, count, round(timeout * 1000))
        return self._program.number(*words, seconds=timeout + _SECONDS)

    def detach(self) -> None:
        """See HostConnection."""
        self._program.ask("detach", self._number)


def _hex(name: str) -> str:
    """A name as hexadecimal digits: it may have any byte but zero."""
    return name.encode(*_LATIN).hex()
