# SPDX-License-Identifier: Apache-2.0
"""What a run that was killed left on a host: guests whose qvm still runs, with the process id in a file of ours."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Callable
from typing import Final

import paramiko

from harness.errors import BenchError
from harness.host.qnx.tools import send_signal
from harness.host.sftp import exists
from harness.host.ssh import SshConnection
from harness.host.upload import GUEST_NAMES, HostFiles

_END_SECONDS: Final = 10.0
_LONGEST_ID: Final = 64
_PROCESS: Final = re.compile(r"[1-9]\d{0,18}")
_PID_FILE: Final = re.compile(rf"({GUEST_NAMES})\.pid")


def end_leftovers(connection: SshConnection, files: HostFiles, nodes: str, say: Callable[[str], None]) -> None:
    """Cut the power of guests that an earlier run of ours has left. Raises BenchError for one that stays.

    ``nodes`` is the host's /dev/qvm. A number in a file is believed only while the guest's entry is there: after a
    reboot of the host, it may be any process.
    """
    sftp = connection.sftp()
    with connection.translated(f"the search for leftovers of a run in {files.path} and {nodes}"):
        found = [match for name in sftp.listdir(files.path) if (match := _PID_FILE.fullmatch(name))]
        for name, system in ((match[0], match[1]) for match in found):
            path = posixpath.join(files.path, name)
            if exists(sftp, posixpath.join(nodes, system)):
                pid = _process(connection, sftp, path, posixpath.join(nodes, system))
                say(f"guest {system} of an earlier run still runs, and is ended (qvm is process {pid})")
                _end(connection, pid, posixpath.join(nodes, system))
            if exists(sftp, path):
                sftp.remove(path)


def _process(connection: SshConnection, sftp: paramiko.SFTPClient, path: str, node: str) -> str:
    """The process id in a file of ours. Raises BenchError for anything else: ``kill`` means groups by 0 and less."""
    with sftp.open(path, "r") as file:
        said = file.read(_LONGEST_ID).decode("ascii", "replace").strip()
    if not _PROCESS.fullmatch(said):
        raise BenchError(
            f"{connection.name}: a guest of an earlier run still runs, {node}, and {path} has no process id: {said!r}",
            remedy="end its qvm on the host and remove the file, or restart the host",
        )
    return said


def _end(connection: SshConnection, pid: str, node: str) -> None:
    sftp = connection.sftp()
    said = ""
    for signal in ("QUIT", "KILL"):
        done = send_signal(connection, signal, pid)
        said += f"; kill -s {signal}: {done.output.strip() or done.status}" if done.status else ""
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline:
            # The command itself takes as long as a pause would.
            if not exists(sftp, node):
                return
    raise BenchError(
        f"{connection.name}: a guest of an earlier run does not end: {node} (qvm is process {pid}){said}",
        remedy="end that process on the host, or restart the host",
    )
