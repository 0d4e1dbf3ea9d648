# SPDX-License-Identifier: Apache-2.0
"""The host of a user who has named none: where it lives, and how it is started."""

from __future__ import annotations

import hashlib
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from harness.emulator.service.protocol import SOCKET_NAME, connect
from harness.paths import is_plain

_START_SECONDS: Final = 120.0
_LOOK_MILLISECONDS: Final = 5


def default_run_directory() -> Path:
    """Where the host lives that ``qvm`` uses when no other is named: one for each user of the machine.

    A host needs a folder with a short and plain name (``harness.paths``). Where XDG_RUNTIME_DIR has none, the host is
    another one all the same.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    if not base:
        return Path(f"/tmp/shmem-host-{os.getuid()}")
    if is_plain(base) and Path(base).is_absolute():
        return Path(base) / "shmem-host"
    return Path(f"/tmp/shmem-host-{os.getuid()}-{hashlib.sha256(os.fsencode(base)).hexdigest()[:8]}")


def start_host(directory: Path) -> None:
    """Start the host that lives in ``directory`` and wait until it takes connections. Raises OSError if it does not."""
    command = [sys.executable, "-m", "harness.emulator.daemon", "--run-dir", str(directory), "--linger"]
    host = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    wait_for_host(directory / SOCKET_NAME, host, _START_SECONDS)


def wait_for_host(path: Path, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Until the control socket takes connections. Raises OSError when the process ends or is too late."""
    deadline = time.monotonic() + seconds
    poll = select.poll()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        while time.monotonic() < deadline:
            try:
                connect(probe, path)
            except (FileNotFoundError, ConnectionRefusedError):
                if process.poll() is not None:
                    raise ChildProcessError(f"the emulated host ended with status {process.returncode}") from None
                # The socket's appearance has no event that a child could be watched for at the same time.
                poll.poll(_LOOK_MILLISECONDS)
            else:
                return
    raise TimeoutError("the emulated host did not answer in time")
