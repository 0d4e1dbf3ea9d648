# SPDX-License-Identifier: Apache-2.0
"""A serial line of the loopback board: a pseudo-terminal whose user side is the lab's end of the cable.

The line is there whether the board has power or not, as the adapter of a real board is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.loopback.disturbance import Disturbance, Disturber

_CHUNK_BYTES: Final = 65536
_QUEUE_BYTES: Final = 1 << 20
"""What waits for a lab that does not listen; the rest is lost, as on a UART."""
_GAP_SECONDS: Final = 0.0005
"""Between the pieces of a line that is cut into pieces."""
ENOUGH_BYTES: Final = 16384
"""So much waits already that a source should pause."""


class Line:
    """The board's end. ``received`` is called with what the lab sends."""

    def __init__(self, path: Path) -> None:
        self.received: Callable[[bytes], None] = _ignore
        self._path = path
        self._board, self._lab = os.openpty()
        # Terminal handling must not change bytes, not even before the lab has opened its end.
        tty.setraw(self._lab)
        os.set_blocking(self._board, False)
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(self._lab))
        self._disturber = Disturber(Disturbance())
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._board, self._readable)
        self._watching = False
        self._gap: asyncio.TimerHandle | None = None

    @property
    def backlog(self) -> int:
        """Bytes that the lab has not taken yet."""
        return self._waiting_bytes

    def disturb(self, disturbance: Disturbance) -> None:
        """Disturb the line in this way from now on."""
        self._disturber = Disturber(disturbance)

    def write(self, data: bytes) -> None:
        """Send ``data`` to the lab, without waiting."""
        for piece in self._disturber.to_lab(data):
            if self._waiting_bytes + len(piece) <= _QUEUE_BYTES:
                self._waiting.append(piece)
                self._waiting_bytes += len(piece)
        if not (self._watching or self._gap):
            self._write_some()

    def drop(self) -> None:
        """The board has lost its power: what it has not sent, it never will."""
        self._waiting.clear()
        self._waiting_bytes = 0
        self.received = _ignore

    def close(self) -> None:
        """Take the line away."""
        self._loop.remove_reader(self._board)
        self._watch(False)
        if self._gap:
            self._gap.cancel()
        self._path.unlink(missing_ok=True)
        os.close(self._board)
        os.close(self._lab)

    def _readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._board, _CHUNK_BYTES)
            if self._disturber.disturbance.echo:
                self.write(data)
            self.received(self._disturber.to_board(data))

    def _write_some(self) -> None:
        """Write until the lab's end is full or a gap is due; go on when it has room, or after the gap."""
        self._gap = None
        while self._waiting:
            try:
                count = os.write(self._board, self._waiting[0])
            except BlockingIOError:
                self._watch(True)
                return
            self._waiting_bytes -= count
            self._waiting[0] = self._waiting[0][count:]
            if not self._waiting[0]:
                del self._waiting[0]
            if self._disturber.disturbance.pieces:
                self._watch(False)
                self._gap = self._loop.call_later(_GAP_SECONDS, self._write_some)
                return
        self._watch(False)

    def _watch(self, wanted: bool) -> None:
        """Call back when the lab's end has room again, or not."""
        if wanted and not self._watching:
            self._loop.add_writer(self._board, self._write_some)
        elif self._watching and not wanted:
            self._loop.remove_writer(self._board)
        self._watching = wanted


def _ignore(_data: bytes) -> None:
    """A board without power does not hear."""
