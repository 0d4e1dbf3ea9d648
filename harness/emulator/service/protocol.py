# SPDX-License-Identifier: Apache-2.0
"""How the emulated host's daemon and its clients talk: JSON objects, one a line, over a UNIX socket.

What they say is in ``messages``. A request is ``{"op": NAME, ...}``; its answer is ``{"ok": true, ...}`` or
``{"ok": false, "error": TEXT}``, with the ``"status"`` that a guest would read where a request for a region is refused.
One connection is one host program: what it has attached is detached when it closes. Requests of one connection are
answered in their order.

A connection that has asked for the start of a guest is a qvm, which is in C (``qvm.c``) and reads no JSON. It is told
in lines what to do: ``say COUNT`` has so many bytes behind it, which are for its standard error, and ``exit STATUS`` is
the last word.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from pathlib import Path
from typing import Final

from harness.account import is_own

HOST_VARIABLE: Final = "QVM_HOST"
"""Environment variable with the path of the control socket."""
CONNECTION_VARIABLE: Final = "QVM_CONNECTION"
"""The same for the compiled qvm when it inherits a connection: the number of its descriptor."""
SOCKET_NAME: Final = "control"
HOST_RUNS: Final = 75
"""Exit status of a host whose folder is another one's, which may be about to end (EX_TEMPFAIL of sysexits.h)."""
MAX_LINE: Final = 8 << 20
"""Bytes of a request; a longer one is answered with an error."""
MAX_READ: Final = 4 << 20
"""Bytes of data in one answer: it is made at one go, and all guests wait meanwhile."""


def has_hung_up(connection: socket.socket) -> bool:
    """Whether the other end is closed, both ways: one that has only said its last word still reads."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


def connect(connection: socket.socket, path: Path) -> None:
    """Connect to the socket at ``path``, however long that is: the kernel takes 107 bytes, and a folder as a number.

    Raises OSError, also where another user listens: whoever runs the host can do what its clients may do.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
    if not is_own(connection):
        raise PermissionError(errno.EPERM, "another user's host listens there")
