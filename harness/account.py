# SPDX-License-Identifier: Apache-2.0
"""What belongs to this account alone: folders that nobody else can change, and who is at the other end of a socket.

A name below a shared folder proves nothing: everybody can make it first. So the owner of a folder and the user behind a
connection are asked of the kernel.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final

_ROOT: Final = 0
_PEER: Final = struct.Struct("=iII")
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def make_private(folder: Path) -> None:
    """Make the folder of this user's own, unless it is there. Raises PermissionError if anybody else could use it.

    Below ``/tmp`` everybody can make a folder or a link of that name, and wait for who uses it.
    """
    # What is there already is looked at below, whatever it is.
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise PermissionError(
            f"{folder} does not belong to you, or other users can access it; remove it, or set XDG_RUNTIME_DIR"
        )


def nobody_else_can_exchange(folder: Path) -> bool:
    """Whether a name that this user makes in the folder stays what it is.

    Whoever can write to a folder can rename what others have in it, unless the folder is sticky; its owner can in any
    case. The same holds for each folder above it.
    """
    with contextlib.suppress(OSError):
        whole = folder.resolve(strict=True)
        return all(_keeps_names(place) for place in (whole, *whole.parents))
    return False


def _keeps_names(folder: Path) -> bool:
    about = folder.stat()
    shared = about.st_mode & _OTHERS and not about.st_mode & stat.S_ISVTX
    return about.st_uid in (os.getuid(), _ROOT, _nobody()) and not shared


def _nobody() -> int:
    """The user who stands for all whom a container does not know, the machine's root among them."""
    return int(Path("/proc/sys/kernel/overflowuid").read_text())


def is_own(connection: socket.socket) -> bool:
    """Whether the other end of a UNIX socket is a process of this user's, or of root's."""
    about = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _, user, _ = _PEER.unpack(about)
    return user in (os.geteuid(), _ROOT)
