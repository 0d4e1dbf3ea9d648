# SPDX-License-Identifier: Apache-2.0
"""Standard output and standard error of a command that has more important things to do than to be heard.

A reader that goes away (``| head -1``), a stream that is closed, a device that is full or a full pipe
must not keep a command from bringing its benches down or from writing its report. So a write to these streams never
raises. A reader that has gone is no error; output that is lost is an error, which ``lost`` returns at the end.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import IO, Any, Final, TextIO

from harness.process import ending

STDOUT: Final = 1
STDERR: Final = 2

_GONE: Final = (errno.EPIPE, errno.EBADF, errno.ECONNRESET, errno.EIO)
"""The reader has gone: a pipe, a closed stream, a connection, a terminal that was hung up."""
# What a pipe that is ready takes at once.
_PIECE: Final = select.PIPE_BUF
_LOOK_MILLISECONDS: Final = 200
# How long a command that was asked to end waits for a reader that takes nothing.
_LAST_SECONDS: Final = 2.0


class _Bytes(io.FileIO):
    """Writes to a descriptor until that fails for the first time. ``error`` says why, unless only the reader went."""

    def __init__(self, descriptor: int, *, owned: bool) -> None:
        super().__init__(descriptor, "wb", closefd=owned)
        self.error: OSError | None = None
        self._off = False
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def write(self, data: Any) -> int:
        """Write a piece, or drop it."""
        view = memoryview(data).cast("B")
        if self._off:
            return len(view)
        try:
            # A stream that does not block, because another program has made it so, takes nothing at times.
            while (count := super().write(view[:_PIECE]) if self._ready() else len(view)) is None:
                pass
        except OSError as error:
            self._off = True
            self.error = None if error.errno in _GONE else error
            return len(view)
        return count

    def _ready(self) -> bool:
        while not self._poll.poll(_LOOK_MILLISECONDS):
            if ending.asked_for(_LAST_SECONDS):
                self._off = True
                return False
        return True


def tolerant(descriptor: int, *, owned: bool = False) -> TextIO:
    """A text stream whose writes never raise. Characters that its encoding lacks are written as escapes.

    ``owned``: the descriptor is closed with it.
    """
    like: IO[str] | None = sys.stderr if descriptor == STDERR else sys.stdout
    encoding = getattr(like, "encoding", None) or "utf-8"
    raw = _Bytes(descriptor, owned=owned)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors="backslashreplace", line_buffering=raw.isatty()
    )


def settle() -> None:
    """Make both standard streams of this process such streams, and see to it that nothing else takes their numbers."""
    for descriptor in (0, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            # A file that is opened next would get this number, and then what is meant for the stream.
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)
    if _plain(sys.stdout, STDOUT):
        sys.stdout = tolerant(STDOUT)
    if _plain(sys.stderr, STDERR):
        sys.stderr = tolerant(STDERR)
        sys.stderr.reconfigure(line_buffering=True)  # type: ignore[attr-defined]


def lost(stream: IO[str] | None) -> OSError | None:
    """Why some of what was written to a stream of ``settle`` is lost, if it is."""
    raw = _raw(stream)
    if stream is None or not isinstance(raw, _Bytes):
        return None
    stream.flush()
    return raw.error


def _plain(stream: IO[str] | None, descriptor: int) -> bool:
    """Whether a stream is Python's own and has not been replaced."""
    if stream is None or stream.closed:
        return True
    try:
        return stream.fileno() == descriptor and not isinstance(_raw(stream), _Bytes)
    except (OSError, ValueError):
        return False


def _raw(stream: Any) -> object:
    return getattr(getattr(stream, "buffer", None), "raw", None)
