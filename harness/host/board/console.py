# SPDX-License-Identifier: Apache-2.0
"""A host's serial console: listened to all the time, searched for patterns, in the host's log.

Works on any labgrid console: SerialDriver on a local port, RFC 2217 or raw TCP, or the console of labgrid's QEMUDriver.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import pexpect

from harness.console.buffer import ConsoleBuffer, ConsoleEndedError
from harness.errors import BenchError
from harness.host.board.log import HostLog

_SLICE_SECONDS: Final = 0.2
_JOIN_SECONDS: Final = 5.0
_KEPT_BYTES: Final = 64 * 1024
_CODES: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")
"""Terminal control sequences (ECMA-48): they stand between a prompt and the pattern for it."""


class BoardConsole:
    """The console while it is open. Not for use from several threads at once."""

    def __init__(self, driver: Any, name: str, log: HostLog) -> None:
        """Listen to ``driver``, an active labgrid console. ``name`` is the host's, for messages."""
        self.name = name
        self._driver = driver
        self._buffer = ConsoleBuffer(name, log)
        self._seen = b""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name=f"console {name}", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                # Not "read": labgrid keeps one stack of steps for all threads.
                data = self._driver._read(size=1, timeout=_SLICE_SECONDS)
            except pexpect.TIMEOUT:
                continue
            except (OSError, TypeError, AttributeError) as error:
                # pyserial's own errors are OSErrors; a port that is closed during a read is a missing descriptor.
                if not self._stopping.is_set():
                    self._buffer.end(f"the port closed ({error})")
                return
            if not data:
                self._buffer.end("the other side closed it")
                return
            self._buffer.received(data)

    def close(self) -> None:
        """Stop to listen; the driver is the caller's. Raises BenchError when the thread does not end."""
        self._stopping.set()
        self._thread.join(_JOIN_SECONDS)
        if self._thread.is_alive():
            raise BenchError(f"the reader of the console of {self.name} did not end in {_JOIN_SECONDS:g} s")

    def send(self, text: str, *, secret: bool = False) -> None:
        """Type ``text`` as it is, a secret one without showing it in our log or labgrid's.

        Raises BenchError when the port does not take it.
        """
        data = text.encode()
        self._buffer.sent(b"(a secret)\n" if secret else data)
        try:
            if secret:
                self._send_quietly(data)
            else:
                self._driver.write(data)
        except OSError as error:
            raise BenchError(f"the console of {self.name} does not accept input: {error}") from error

    def _send_quietly(self, data: bytes) -> None:
        """Write like the driver's own ``write``, whose argument labgrid's logs would show."""
        pause = getattr(self._driver, "txdelay", 0.0)
        step = self._driver.txchunk if pause else len(data)
        for start in range(0, len(data), step):
            time.sleep(pause)  # the pace of the line, not a wait for something
            self._driver._write(data[start : start + step])

    def expect(self, patterns: Sequence[str], timeout: float, what: str) -> tuple[int, re.Match[bytes]]:
        """Wait for the first of some patterns; returns its index and the match. What came before it is forgotten.

        Where two match, the one that begins first wins, then the first of the list. Raises BenchError after
        ``timeout`` seconds with ``what`` was waited for, and when the console ends.
        """
        return self._expect(patterns, time.monotonic() + timeout, timeout, what)

    def expect_all(self, patterns: Sequence[str], timeout: float, what: str, remedy: str) -> None:
        """Wait for all patterns, one after the other; ``timeout`` is for all together.

        Raises BenchError, with the ``remedy``.
        """
        deadline = time.monotonic() + timeout
        for pattern in patterns:
            try:
                self._expect([pattern], deadline, timeout, f"{what} {pattern!r}")
            except BenchError as error:
                raise BenchError(error.message, remedy=remedy) from error

    def _expect(
        self, patterns: Sequence[str], deadline: float, timeout: float, what: str
    ) -> tuple[int, re.Match[bytes]]:
        compiled = [re.compile(pattern.encode(), re.MULTILINE) for pattern in patterns]
        while True:
            found = [(match.start(), index, match) for index, one in enumerate(compiled) if (match := self._find(one))]
            if found:
                _, index, match = min(found, key=lambda entry: entry[:2])
                self._seen = self._seen[match.end() :]
                return index, match
            self._more(deadline, timeout, what)

    def forget(self) -> None:
        """Forget what has come so far."""
        self.settle(0.0, 0.0)
        self._seen = b""

    def settle(self, quiet: float, timeout: float) -> None:
        """Wait until nothing has come for ``quiet`` seconds, or for ``timeout`` seconds in all."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._take(min(time.monotonic() + quiet, max(deadline, time.monotonic())))
            except TimeoutError:
                return
            if time.monotonic() >= deadline and timeout:
                return

    def last_lines(self) -> str:
        """The last lines of the console, each marked, for an error message."""
        return self._buffer.last_lines()

    def _find(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        return pattern.search(self._seen)

    def _more(self, deadline: float, timeout: float, what: str) -> None:
        try:
            self._take(deadline)
        except TimeoutError:
            raise BenchError(
                f"{self.name}: {what} did not appear on its console within {timeout:g} s; its last lines:\n"
                f"{self.last_lines()}"
            ) from None
        except ConsoleEndedError as error:
            raise BenchError(f"{self.name}: the console ended while {what} was waited for: {error.message}") from error

    def _take(self, deadline: float) -> None:
        fresh = self._buffer.read(deadline)
        # A sequence may come in two pieces, so all that is kept is looked through again.
        self._seen = _CODES.sub(b"", (self._seen + fresh).replace(b"\r", b""))[-_KEPT_BYTES:]
