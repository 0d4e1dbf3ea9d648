# SPDX-License-Identifier: Apache-2.0
"""What distinguishes a QNX Hypervisor host from others: its release, and its hypervisor and device by content.

The files are fetched and hashed here, because not every image has a program for that. What cannot be had is unknown:
a report that says so is worth more than one that does not mention it.
"""

from __future__ import annotations

import hashlib
import posixpath
import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from harness.errors import BenchError
from harness.host.ssh import SshConnection, SshLostError

UNKNOWN: Final = "unknown"

_SECONDS: Final = 15.0
_LARGEST: Final = 64 << 20
_DEVICE: Final = "vdev-shmem.so"
_FOLDERS: Final = ("/lib/dll", "/lib64/dll", "/usr/lib/dll", "/proc/boot", "/lib", "/usr/lib")
"""Where images keep loadable devices; LD_LIBRARY_PATH of the host comes first."""


def of_host(connection: SshConnection, qvm: str) -> Mapping[str, str]:
    """The facts by name; ``qvm`` is how qvm is called on the host."""
    found = _output(connection, "sh", "-c", f"command -v {shlex.quote(qvm)}").partition("\n")[0]
    program = qvm if posixpath.isabs(qvm) else found
    return {
        "system": _output(connection, "uname", "-a") or UNKNOWN,
        "qvm SHA-256": _digest(connection, [program] if posixpath.isabs(program) else []),
        f"{_DEVICE} SHA-256": _digest(connection, _places(connection)),
        "image SHA-256": UNKNOWN,
        "serial number": UNKNOWN,
    }


def _places(connection: SshConnection) -> Iterator[str]:
    path = _output(connection, "sh", "-c", "echo $LD_LIBRARY_PATH")
    for folder in [*filter(posixpath.isabs, path.split(":")), *_FOLDERS]:
        yield posixpath.join(folder, _DEVICE)


def _output(connection: SshConnection, *words: str) -> str:
    try:
        done = connection.run(words, _SECONDS)
    except SshLostError:
        raise
    except BenchError:
        return ""
    return done.output.strip() if done.status == 0 else ""


def _digest(connection: SshConnection, paths: Iterator[str] | list[str]) -> str:
    """The SHA-256 of the first of these files that can be read."""
    with connection.translated("reading the hypervisor's files"):
        sftp = connection.sftp()
        for path in paths:
            try:
                if (sftp.stat(path).st_size or 0) > _LARGEST:
                    return UNKNOWN
                with sftp.open(path, "rb") as file:
                    return hashlib.sha256(file.read(_LARGEST)).hexdigest()
            except (TimeoutError, ConnectionError):
                raise
            except OSError:
                continue
    return UNKNOWN
