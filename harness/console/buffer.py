# SPDX-License-Identifier: Apache-2.0
"""The output of a console: received continuously, buffered for those who wait for it, and written to the evidence.

The thread that reads the port and the test that waits for output share only this buffer, so that nothing is lost
between two waits and no test has to own the port.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from harness.errors import BenchError

_TAIL_BYTES: Final = 16 * 1024


class ConsoleEndedError(BenchError):
    """The console was closed by its other side; no more output will follow."""


class ConsoleLog:
    """The evidence file of one console: a line per line, with the seconds since the console was opened.

    ``<`` marks what the guest sent, ``>`` what it was sent, ``#`` a remark of the harness. A line has the time of its
    first byte. Bytes that are not UTF-8 are shown as escapes.
    """

    def __init__(self, path: Path, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("ab")
        self._clock = clock
        self._start = clock()
        self._partial = b""
        self._partial_time = 0.0
        self.remark(f"console of {name}, opened {datetime.now(UTC).isoformat(timespec='milliseconds')}")

    def received(self, data: bytes) -> None:
        """Write all lines that ``data`` completes; the rest waits for its end."""
        now = self._clock() - self._start
        if not self._partial:
            self._partial_time = now
        *lines, rest = (self._partial + data).split(b"\n")
        for line in lines:
            self._write("<", line, self._partial_time)
            self._partial_time = now
        self._partial = rest
        self._file.flush()

    def sent(self, data: bytes) -> None:
        """Write what the guest was sent."""
        for line in data.rstrip(b"\r\n").split(b"\n"):
            self._write(">", line, self._clock() - self._start)
        self._file.flush()

    def remark(self, text: str) -> None:
        """Write a remark of the harness."""
        self._write("#", text.encode(), self._clock() - self._start)
        self._file.flush()

    def close(self) -> None:
        """Write an unfinished line too, and close the file. May be called again."""
        if self._file.closed:
            return
        if self._partial:
            self._write("<", self._partial, self._partial_time)
        self._file.close()

    def _write(self, mark: str, line: bytes, when: float) -> None:
        text = line.rstrip(b"\r").decode("utf-8", "backslashreplace")
        self._file.write(f"{when:12.6f} {mark} {text}\n".encode())


class ConsoleBuffer:
    """Buffers the bytes of one console between its reader and its users. Thread-safe."""

    def __init__(self, name: str, log: ConsoleLog) -> None:
        self.name = name
        self._log = log
        self._change = threading.Condition()
        self._unread = bytearray()
        self._tail = bytearray()
        self._end = ""

    def received(self, data: bytes) -> None:
        """Add bytes from the guest (called by the reader)."""
        with self._change:
            self._log.received(data)
            self._unread += data
            self._tail += data
            del self._tail[:-_TAIL_BYTES]
            self._change.notify_all()

    def sent(self, data: bytes) -> None:
        """Note in the log what the guest was sent."""
        with self._change:
            self._log.sent(data)

    def remark(self, text: str) -> None:
        """Note a remark of the harness in the log."""
        with self._change:
            self._log.remark(text)

    def end(self, reason: str) -> None:
        """Mark the end of the output and wake up everyone who waits (called by the reader)."""
        with self._change:
            self._end = self._end or reason
            self._log.remark(reason)
            self._change.notify_all()

    def read(self, deadline: float, max_size: int | None = None) -> bytes:
        """Everything that came since the last read, at least one byte.

        ``deadline`` is a time of ``time.monotonic()``. Raises TimeoutError, whose text has the last lines of the
        console, or ConsoleEndedError when the console ended before.
        """
        with self._change:
            self._change.wait_for(lambda: self._unread or self._end, timeout=max(0.0, deadline - time.monotonic()))
            if self._unread:
                taken = bytes(self._unread[:max_size])
                del self._unread[: len(taken)]
                return taken
            said = f"last lines of the console of {self.name}:\n{self.last_lines()}"
            if self._end:
                raise ConsoleEndedError(f"the console of {self.name} ended: {self._end}\n{said}")
            raise TimeoutError(f"nothing came from the console of {self.name}\n{said}")

    def last_lines(self, count: int = 20) -> str:
        """The last lines of the console, each marked, for an error message."""
        with self._change:
            text = bytes(self._tail).decode("utf-8", "backslashreplace")
        lines = text.replace("\r", "").rstrip("\n").split("\n")[-count:]
        return "  (it has shown nothing)" if lines == [""] else "\n".join(f"  | {line}" for line in lines)

    def close(self) -> None:
        """Close the log and forget the bytes."""
        with self._change:
            self._end = self._end or "closed by the harness"
            self._log.close()
            self._unread.clear()
            self._change.notify_all()
