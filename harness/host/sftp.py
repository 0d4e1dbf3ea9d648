# SPDX-License-Identifier: Apache-2.0
"""Small steps on files of another machine that SFTP has no single request for."""

from __future__ import annotations

import paramiko


class Transfer(paramiko.SFTPClient):
    """File transfer with a server that may say anything."""

    def _read_packet(self) -> tuple[int, bytes]:
        """The next answer. paramiko reads on after one to no request, and after no names, without an end."""
        kind, data = super()._read_packet()  # type: ignore[misc]
        number = int.from_bytes(data[:4], "big")
        if kind != paramiko.sftp.CMD_VERSION and number not in self._expecting:  # type: ignore[attr-defined]
            raise paramiko.SFTPError("an answer to no request")
        if kind == paramiko.sftp.CMD_NAME and not int.from_bytes(data[4:8], "big"):
            raise paramiko.SFTPError("an answer without a name")
        return kind, data


def status(sftp: paramiko.SFTPClient, path: str) -> paramiko.SFTPAttributes | None:
    """What there is of that name, None for nothing."""
    try:
        return sftp.stat(path)
    except FileNotFoundError:
        return None


def exists(sftp: paramiko.SFTPClient, path: str) -> bool:
    """Whether there is something of that name."""
    return status(sftp, path) is not None


def remove(sftp: paramiko.SFTPClient, path: str) -> None:
    """Remove a file, unless there is none. Raises OSError."""
    try:
        sftp.remove(path)
    except FileNotFoundError:
        return


def replace(sftp: paramiko.SFTPClient, source: str, path: str) -> bool:
    """Rename a file, also over another one; False when that took two steps with nothing in between. Raises OSError."""
    try:
        sftp.posix_rename(source, path)
    except OSError:
        # The rename of the protocol itself, which every server has, refuses a name that exists.
        if not exists(sftp, source):
            raise
        remove(sftp, path)
        sftp.rename(source, path)
        return False
    return True
