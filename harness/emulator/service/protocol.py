# SPDX-License-Identifier: Apache-2.0
"""What the emulated host's daemon and its clients say to each other: JSON objects, one a line, over a UNIX socket.

A request is ``{"op": NAME, ...}``; its answer is ``{"ok": true, ...}`` or ``{"ok": false, "error": TEXT}``, with the
``"status"`` that a guest would read where a request for a region is refused. One
connection is one host program: what it has attached is detached when it closes. Requests of one connection are answered
in their order.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

HOST_VARIABLE: Final = "QVM_HOST"
"""Environment variable with the path of the control socket."""
SOCKET_NAME: Final = "control"
MAX_LINE: Final = 8 << 20
"""Bytes of a request; a longer one is answered with an error."""


def default_run_directory() -> Path:
    """Where the host lives that ``qvm`` uses when no other is named: one for each user of the machine."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    return Path(base) / "shmem-host" if base else Path(f"/tmp/shmem-host-{os.getuid()}")
