# SPDX-License-Identifier: Apache-2.0
"""A program that runs at the other end of an SSH connection, as bytes in and out (the ``Transport`` of probes)."""

from __future__ import annotations

import select
import time
from typing import Final

import paramiko

from harness.console.buffer import ConsoleBuffer, ConsoleEndedError
from harness.errors import BenchError

_WRITE_SECONDS: Final = 10.0
_CHUNK_BYTES: Final = 65536


def wait_readable(channel: paramiko.Channel, deadline: float) -> bool:
    """Wait until a channel has bytes or has ended; whether that came before ``deadline`` (``time.monotonic()``)."""
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


class SshTransport:
    """Reads only when it is asked to: the channel's window holds what comes meanwhile, and nothing is lost."""

    def __init__(self, channel: paramiko.Channel, buffer: ConsoleBuffer) -> None:
        """``buffer`` gets everything that is sent and received, for the evidence and for error messages."""
        self._channel = channel
        self._buffer = buffer
        channel.settimeout(_WRITE_SECONDS)

    def write(self, data: bytes) -> None:
        """Send all of ``data``. Raises BenchError when it is not taken, ConsoleEndedError when the channel is gone."""
        self._buffer.sent(data)
        try:
            self._channel.sendall(data)
        except TimeoutError as error:
            raise BenchError(f"{self._buffer.name} did not accept input within {_WRITE_SECONDS:g} s") from error
        except (OSError, paramiko.SSHException) as error:
            raise self._ended() from error

    def read(self, deadline: float) -> bytes:
        """At least one byte, or TimeoutError at ``deadline`` (``time.monotonic()``), or ConsoleEndedError."""
        if wait_readable(self._channel, deadline):
            data = self._channel.recv(_CHUNK_BYTES)
            if not data:
                raise self._ended()
            self._buffer.received(data)
        return self._buffer.read(deadline)

    def last_lines(self, n: int = 20) -> str:
        """The last lines, each marked, for an error message."""
        return self._buffer.last_lines(n)

    def close(self) -> None:
        """Close the channel, which ends the program, and the log. May be called again."""
        self._channel.close()
        self._buffer.close()

    def _ended(self) -> ConsoleEndedError:
        transport = self._channel.get_transport()
        why = "the program ended" if transport.is_active() else "the SSH connection was lost"
        return ConsoleEndedError(
            f"the channel of {self._buffer.name} ended: {why}\nlast lines:\n{self._buffer.last_lines()}"
        )
