# SPDX-License-Identifier: Apache-2.0
"""A guest's console as a labgrid driver that never stops listening.

labgrid's own SerialDriver reads the port only while a test expects something: what a guest says between two tests
stays in the kernel's buffer, unstamped, and is lost when that is full. Here one thread per port takes everything at
once; labgrid's drivers (ShellDriver, say) and the probe's client match on what it took.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, Final

import attr
import pexpect
from labgrid.driver import Driver, SerialDriver
from labgrid.driver.consoleexpectmixin import ConsoleExpectMixin
from labgrid.factory import target_factory
from labgrid.protocol import ConsoleProtocol
from serial import rfc2217

from harness.console.buffer import ConsoleBuffer, ConsoleLog
from harness.errors import BenchError

_WRITE_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.2
_JOIN_SECONDS: Final = 5.0
_CHUNK_BYTES: Final = 65536
_TOGETHER_SECONDS: Final = 0.0003
"""A guest sends byte by byte. A read for each few of them cost a fifth of a run's processor time (observed)."""


class _Reader(threading.Thread):
    """Reads every byte of one serial port until it is stopped or the port closes."""

    def __init__(self, serial: Any, buffer: ConsoleBuffer) -> None:
        super().__init__(name=f"console {buffer.name}", daemon=True)
        self._serial = serial
        self._buffer = buffer
        self._stopping = threading.Event()
        # Only a local port can be woken from its wait; the others must look up from time to time.
        self._cancel = getattr(serial, "cancel_read", None)
        serial.timeout = None if self._cancel else _POLL_SECONDS

    def run(self) -> None:
        """Block for the first byte, and a moment later take all that is there."""
        while not self._stopping.is_set():
            try:
                data = self._serial.read(1)
                if data:
                    time.sleep(_TOGETHER_SECONDS)  # not a wait for something
                    data += self._serial.read(min(self._serial.in_waiting, _CHUNK_BYTES))
            except OSError as error:  # pyserial's SerialException is one
                if not self._stopping.is_set():
                    self._buffer.end(f"the port closed ({error})")
                return
            if data:
                self._buffer.received(data)

    def stop(self) -> None:
        """End the thread; raises BenchError if it does not end in time."""
        self._stopping.set()
        if self._cancel:
            self._cancel()
        self.join(_JOIN_SECONDS)
        if self.is_alive():
            raise BenchError(f"the reader of the console of {self._buffer.name} did not end in {_JOIN_SECONDS} s")


class ConsoleTransport:
    """The bytes of a console for the probe's client (``harness.guest.probe.Transport``)."""

    def __init__(self, driver: ShmemConsoleDriver) -> None:
        self._driver = driver

    def write(self, data: bytes) -> None:
        """Send ``data``; raises BenchError when the guest's side does not take it in time."""
        self._driver.send(data)

    def read(self, deadline: float) -> bytes:
        """At least one byte, or TimeoutError at ``deadline`` (``time.monotonic()``), or ConsoleEndedError."""
        return self._driver.buffer.read(deadline)

    def last_lines(self, n: int = 20) -> str:
        """The last lines of the console, each marked, for an error message."""
        return self._driver.buffer.last_lines(n)


@target_factory.reg_driver
@attr.s(eq=False)
class ShmemConsoleDriver(ConsoleExpectMixin, Driver, ConsoleProtocol):  # type: ignore[misc]
    """Console over a SerialDriver with a reader thread of its own.

    Args:
        log (str): path of the evidence file that gets everything, with time stamps
        txdelay (float): pause before each chunk that is sent, for UARTs without flow control, in seconds
        txchunk (int): bytes in such a chunk
    """

    bindings = {"port": SerialDriver}  # noqa: RUF012 - labgrid's own form
    # Drivers that bind a console (ShellDriver) are to get this one, not the SerialDriver below it.
    priorities = {ConsoleProtocol: 10}  # noqa: RUF012

    log: str = attr.ib(validator=attr.validators.instance_of(str))
    txdelay: float = attr.ib(default=0.0, validator=attr.validators.instance_of(float))
    txchunk: int = attr.ib(default=1, validator=attr.validators.instance_of(int))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._buffer: ConsoleBuffer | None = None
        self._reader: _Reader | None = None

    @property
    def buffer(self) -> ConsoleBuffer:
        """What the console said; raises BenchError while the driver is not active."""
        if self._buffer is None:
            raise BenchError(f"the console of {self.target.name} is not open")
        return self._buffer

    def on_activate(self) -> None:
        """Start to listen (labgrid has opened the port)."""
        serial = self.port.serial
        # pyserial's RFC 2217 port takes no such limit; a write to its socket fails after seconds by itself.
        if not isinstance(serial, rfc2217.Serial):
            serial.write_timeout = _WRITE_SECONDS
        buffer = ConsoleBuffer(self.target.name, ConsoleLog(Path(self.log), self.target.name))
        try:
            self._reader = _Reader(serial, buffer)
        except BaseException:
            buffer.close()
            raise
        self._buffer = buffer
        self._reader.start()

    def on_deactivate(self) -> None:
        """Stop to listen and close the log; the port is labgrid's to close."""
        reader, self._reader = self._reader, None
        buffer, self._buffer = self._buffer, None
        try:
            if reader:
                reader.stop()
        finally:
            if buffer:
                buffer.close()

    def transport(self) -> ConsoleTransport:
        """This console for the probe's client."""
        return ConsoleTransport(self)

    def send(self, data: bytes) -> None:
        """Send all of ``data``, paced if the port needs it; raises BenchError when it is not taken."""
        buffer = self.buffer
        buffer.sent(data)
        step = self.txchunk if self.txdelay else max(1, len(data))
        try:
            for start in range(0, len(data), step):
                if self.txdelay:
                    time.sleep(self.txdelay)  # the pace of the line, not a wait for something
                self.port.serial.write(data[start : start + step])
        except OSError as error:
            lines = buffer.last_lines()
            raise BenchError(
                f"guest {self.target.name} does not accept input: {error}; its last lines:\n{lines}"
            ) from error

    def _read(self, size: int = 1, timeout: float = 0.0, max_size: int | None = None) -> bytes:  # noqa: ARG002
        try:
            return self.buffer.read(time.monotonic() + timeout, max_size)
        except TimeoutError as error:
            raise pexpect.TIMEOUT(str(error)) from None

    def _write(self, data: bytes) -> int:
        self.send(data)
        return len(data)
