# SPDX-License-Identifier: Apache-2.0
"""The host's side of the library that runs inside QEMU (``window.c``)."""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from pathlib import Path
from typing import Final

from harness.emulator import shortages

_REQUEST: Final = struct.Struct("=QQQQQ")
_ANSWER: Final = struct.Struct("=i")
_TIMEOUT = 3.5
"""Seconds. An answer takes well under a millisecond; the other QEMUs give their devices up when they wait for 5 s."""
_LOOK = 0.5


class WindowBroken(Exception):
    """The library inside QEMU did not do what it was asked; the text says why."""


class QemuEnded(WindowBroken):
    """QEMU has ended, and every mapping with it."""


class NoAnswer(WindowBroken):
    """The library did not answer, so it is unknown whether the mapping has changed."""


class Mapper:
    """Changes what lies behind the windows of one QEMU process.

    Waits for the library, which never waits for QEMU: calling it while QEMU waits for the device is safe.
    """

    def __init__(self) -> None:
        self._socket, self.child = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_LOOK)
        self._process = 0

    def environment(self) -> dict[str, str]:
        """The environment variables for QEMU, a child of this process; it also needs the inherited ``child``.

        With them QEMU dies with this process.
        """
        return {"SHMEM_WINDOW_FD": str(self.child.fileno()), "SHMEM_WINDOW_HOST": str(os.getpid())}

    def started(self, process: int) -> None:
        """QEMU, the process of that number, has inherited its end."""
        self._process = process
        self.child.close()

    def replace(self, window: int, offset: int, length: int, fd: int, file_offset: int) -> None:
        """Map ``length`` bytes of ``fd`` from ``file_offset`` over the window file's ``offset``; all in bytes.

        Raises WindowBroken when QEMU has not mapped that part of the window, QemuEnded when it is gone.
        """
        identity = os.fstat(window)
        request = _REQUEST.pack(identity.st_dev, identity.st_ino, offset, length, file_offset)
        try:
            socket.send_fds(self._socket, [request], [fd])
            answer = self._answer()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise QemuEnded("QEMU has ended") from error
        except OSError as error:
            shortages.note(error, "a message to the library inside QEMU")
            # A late answer would be taken for the next request's.
            self._socket.close()
            raise NoAnswer(f"no answer from inside QEMU: {error}") from error
        if len(answer) != _ANSWER.size:
            raise QemuEnded("QEMU has ended")
        (number,) = _ANSWER.unpack(answer)
        if number:
            # A QEMU that could not map the window when it started goes on without a word.
            cause = errno.ENOMEM if number in (errno.ENOENT, errno.ENXIO) else number
            shortages.note_number(cause, "QEMU maps the window of a device")
            raise WindowBroken(f"cannot map {length:#x} bytes at window offset {offset:#x}: {os.strerror(number)}")

    def _answer(self) -> bytes:
        """What the library says. Raises TimeoutError, soon for a QEMU that stands still: the whole host waits here."""
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                return self._socket.recv(_ANSWER.size, socket.MSG_WAITALL)
            except TimeoutError:
                if self._process and _is_suspended(self._process):
                    raise TimeoutError("it is suspended") from None
                if time.monotonic() > deadline:
                    raise

    def close(self) -> None:
        """Give both ends back; harmless twice."""
        self._socket.close()
        self.child.close()


def _is_suspended(process: int) -> bool:
    """Whether somebody has stopped the process (SIGSTOP, a debugger)."""
    try:
        about = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return False
    return about.rpartition(b") ")[2][:1] in (b"T", b"t")
