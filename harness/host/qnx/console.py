# SPDX-License-Identifier: Apache-2.0
"""A pseudo-terminal of the host, brought here over an SSH channel as a pseudo-terminal of this machine.

So a guest's console is a serial port like any other, to pyserial, to labgrid and to a person with a terminal program.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shlex
import sys
import termios
import threading
import time
import tty
from typing import Final

import paramiko

from harness.errors import BenchError
from harness.host.sockets import MOST_BYTES, exit_status, receive
from harness.host.ssh import SshConnection

_CHUNK_BYTES: Final = 32768
_FULL_MILLISECONDS: Final = 5
"""How soon to look again whether a side that was full has room: neither a channel nor a terminal has an event for it
that could be waited for together with the others."""
_END_SECONDS: Final = 5.0
_LAST_WORDS_SECONDS: Final = 1.0
_READY: Final = b"@console"
"""What the host says when the terminal is open and raw, before the first word of the guest."""
_READY_SECONDS: Final = 15.0
_NOT_OPENED: Final = 93
_NOT_RAW: Final = 94


class ConsoleBridge:
    """Carries bytes both ways until one side ends. ``port`` is the terminal on this machine."""

    def __init__(self, connection: SshConnection, terminal: str, set_raw: str) -> None:
        """Join with ``terminal`` of the host, put into raw mode by ``set_raw`` first.

        Raises SshLostError, and BenchError with the words of the host when it cannot be done.
        """
        self._channel = connection.open(_console_command(terminal, set_raw))
        try:
            first = _first_words(self._channel, connection.name, terminal, set_raw)
        except BaseException:
            self._channel.close()
            raise
        self._controller, self._user = os.openpty()
        # Kept open here: output waits for a reader instead of failing, and nothing changes bytes on their way.
        tty.setraw(self._user)
        os.set_blocking(self._controller, False)
        self.port = os.ttyname(self._user)
        self._wake, self._waker = os.pipe()
        self._first = first
        self._thread = threading.Thread(target=self._carry, name=f"console {terminal}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the bridge on both sides. May be called again. Raises BenchError if its thread does not end."""
        if self._waker >= 0:
            os.close(self._waker)
            self._waker = -1
        self._thread.join(_END_SECONDS)
        if self._thread.is_alive():
            raise BenchError(f"the bridge to a console of the host did not end within {_END_SECONDS:g} s")

    def _carry(self) -> None:
        try:
            _Carrier(self._channel, self._controller, self._wake, self._first).run()
            self._wait_until_read()
        finally:
            # The hang-up of this side shows the reader that the console has ended.
            self._channel.close()
            for number in (self._user, self._controller, self._wake):
                os.close(number)

    def _wait_until_read(self) -> None:
        """Wait until the output has been read: a hang-up would discard the last output, which matters most."""
        deadline = time.monotonic() + _LAST_WORDS_SECONDS
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        while _unread(self._user) and time.monotonic() < deadline and not poll.poll(_FULL_MILLISECONDS):
            pass


def _first_words(channel: paramiko.Channel, host: str, terminal: str, set_raw: str) -> bytes:
    """What the guest has said when the host says that its console is joined. Raises BenchError when it does not."""
    said = b""
    deadline = time.monotonic() + _READY_SECONDS
    while b"\n" not in said.partition(_READY)[2]:
        data = receive(channel, deadline)
        if data is None or len(said) > MOST_BYTES:
            words = said[-200:].decode("utf-8", "replace").strip() or "nothing"
            raise BenchError(
                f"{host}: the terminal {terminal} of a guest's console was not open and raw ({set_raw!r}) within"
                f" {_READY_SECONDS:g} s; the last words: {words}",
                remedy="try the command on the host, or name another one as 'raw_mode' of ShmemQnxHostDriver",
            )
        if not data:
            raise _not_joined(said, exit_status(channel, deadline), host, terminal, set_raw)
        said += data
    return said.partition(_READY)[2].partition(b"\n")[2]


def _not_joined(said: bytes, status: int | None, host: str, terminal: str, set_raw: str) -> BenchError:
    words = said.decode("utf-8", "replace").strip() or "nothing"
    if status == _NOT_RAW:
        return BenchError(
            f"{host}: {set_raw!r} does not put the terminal {terminal} into raw mode: {words}",
            remedy="install the program, or name another command as 'raw_mode' of ShmemQnxHostDriver",
        )
    return BenchError(
        f"{host}: the terminal {terminal} of a guest's console cannot be opened: {words}",
        remedy="give the host more pseudo-terminals (devc-pty -n NUMBER; without, it makes 8, and logins take some)",
    )


def _unread(terminal: int) -> int:
    """Bytes that a terminal holds for its reader."""
    count = fcntl.ioctl(terminal, termios.FIONREAD, bytes(4))
    return int.from_bytes(count, sys.byteorder)


class _Carrier:
    """Carry bytes until a side ends: the loop of a bridge."""

    def __init__(self, channel: paramiko.Channel, terminal: int, wake: int, first: bytes) -> None:
        self._channel = channel
        self._terminal = terminal
        self._wake = wake
        self._to_lab = first
        self._to_guest = b""

    def run(self) -> None:
        """Carry bytes until the channel ends or the wake-up pipe closes."""
        channel = self._channel.fileno()
        while True:
            poll = select.poll()
            poll.register(self._wake, select.POLLIN)
            # A side is listened to only when the other has taken what it said before.
            if not self._to_lab:
                poll.register(channel, select.POLLIN)
            if not self._to_guest:
                poll.register(self._terminal, select.POLLIN)
            full = bool(self._to_lab or self._to_guest)
            ready = {number for number, _ in poll.poll(_FULL_MILLISECONDS if full else None)}
            if self._wake in ready:
                return
            if channel in ready:
                self._to_lab = self._channel.recv(_CHUNK_BYTES)
                if not self._to_lab:
                    return
            if self._terminal in ready:
                self._to_guest = os.read(self._terminal, _CHUNK_BYTES)
            self._deliver()

    def _deliver(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if self._to_lab:
                self._to_lab = self._to_lab[os.write(self._terminal, self._to_lab) :]
        if self._to_guest and self._channel.send_ready():
            with contextlib.suppress(OSError):  # an ended channel shows itself at the next read
                self._to_guest = self._to_guest[self._channel.send(self._to_guest) :]


def _console_command(terminal: str, set_raw: str) -> str:
    """Shell text that joins the channel with a terminal of the host, and leaves nothing behind when either ends.

    The reader is ended until it is gone: a shell of the ksh kind that is about to become ``cat`` forgets a signal.
    """
    return (
        # Opening it would make a file of that name on some systems.
        f"[ -e {shlex.quote(terminal)} ] || {{ echo 'there is none'; exit {_NOT_OPENED}; }}; "
        f"exec 3<&0 4<>{shlex.quote(terminal)} || exit {_NOT_OPENED}; "
        f"{set_raw} <&4 || exit {_NOT_RAW}; "
        f"echo {_READY.decode()}; "
        "cat <&4 3<&- & reader=$!; "
        "{ cat <&3 >&4; while kill $reader; do sleep 1 || break; done; } >/dev/null 2>&1 & writer=$!; "
        "exec 3<&- 4<&-; "
        "wait $reader; kill $writer 2>/dev/null"
    )
