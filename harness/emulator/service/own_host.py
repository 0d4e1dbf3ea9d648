# SPDX-License-Identifier: Apache-2.0
"""The host of a user who has named none: where it lives, how it is started, and how it is kept."""

from __future__ import annotations

import hashlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from harness.account import make_private
from harness.emulator.service.messages import AskGuests
from harness.emulator.service.protocol import HOST_RUNS, SOCKET_NAME, connect
from harness.paths import is_plain

PATIENCE_SECONDS: Final = 120.0
_START_SECONDS: Final = 120.0
_LOOK_MILLISECONDS: Final = 5


class HostEnded(ChildProcessError):
    """A host that ended before it took a connection, with this exit ``status``."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the emulated host ended with status {status}")
        self.status = status


def connection(patience: float = PATIENCE_SECONDS) -> socket.socket:
    """A connection to this user's host, which is started unless it runs, and stays as long as the connection is open.

    One that is just ending is waited for, and then started again. Raises OSError when there is no host in the end.
    """
    directory = default_run_directory()
    deadline = time.monotonic() + patience
    while True:
        try:
            make_private(directory)
            return _kept(_connected(directory / SOCKET_NAME))
        except (FileNotFoundError, ConnectionError):
            if time.monotonic() > deadline:
                raise
        try:
            return _kept(_start_host(directory))
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
        except HostEnded as ended:
            # It met another one, or has had other clients. One that cannot start has said why, and could not again.
            if ended.status not in (0, HOST_RUNS) or time.monotonic() > deadline:
                raise


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


def wait_for_host(path: Path, process: subprocess.Popen[bytes], seconds: float) -> socket.socket:
    """The control socket's first connection. Raises OSError when the process ends or is too late."""
    deadline = time.monotonic() + seconds
    poll = select.poll()
    while time.monotonic() < deadline:
        try:
            return _connected(path)
        except (FileNotFoundError, ConnectionRefusedError):
            if process.poll() is not None:
                raise HostEnded(process.returncode) from None
            # The socket's appearance has no event that a child could be watched for at the same time.
            poll.poll(_LOOK_MILLISECONDS)
    raise TimeoutError("the emulated host did not answer in time")


def _start_host(directory: Path) -> socket.socket:
    """Start the host that lives in ``directory``: a connection to it. Raises OSError if it does not take any."""
    command = [sys.executable, "-m", "harness.emulator.daemon", "--run-dir", str(directory), "--linger"]
    host = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    return wait_for_host(directory / SOCKET_NAME, host, _START_SECONDS)


def _connected(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connect(made, path)
    except BaseException:
        made.close()
        raise
    return made


def _kept(made: socket.socket) -> socket.socket:
    """The connection, when the host has answered: then it does not end by itself before that is closed.

    Raises ConnectionError when it has ended.
    """
    try:
        made.sendall(json.dumps({"op": AskGuests.op}).encode() + b"\n")
        with made.makefile("rb") as stream:
            if not stream.readline():
                raise ConnectionResetError("the host ended before it answered")
    except BaseException:
        made.close()
        raise
    return made
