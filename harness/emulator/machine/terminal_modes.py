# SPDX-License-Identifier: Apache-2.0
"""A person's terminal that QEMU has for a while (``hostdev >-``).

QEMU makes it raw, without echo, and one whose reads do not block. It puts that back at an orderly end; most ends of a
guest are none.
"""

from __future__ import annotations

import contextlib
import os
import termios
from collections.abc import Sequence


class TerminalModes:
    """How the standard streams of a qvm were before QEMU had them."""

    def __init__(self, streams: Sequence[int]) -> None:
        self._modes: list[tuple[int, bool, list[int | list[bytes | int]] | None]] = []
        try:
            for stream in streams:
                fd = os.dup(stream)
                self._modes.append((fd, os.get_blocking(fd), _modes(fd)))
        except OSError:
            self.put_back()
            raise

    def put_back(self) -> None:
        """Make the streams again what they were; harmless twice."""
        while self._modes:
            fd, blocking, modes = self._modes.pop()
            # A terminal that has gone needs none.
            with contextlib.suppress(OSError, termios.error):
                os.set_blocking(fd, blocking)
                if modes is not None:
                    termios.tcsetattr(fd, termios.TCSANOW, modes)
            os.close(fd)


def _modes(fd: int) -> list[int | list[bytes | int]] | None:
    """The modes of a terminal; None for another stream."""
    try:
        return termios.tcgetattr(fd)
    except termios.error:
        return None
