# SPDX-License-Identifier: Apache-2.0
"""Programs of the distribution in a private prefix: unpacked from packages, run through their own dynamic loader.

The loopback board needs a real SSH server, a real server of serial ports, and a shell and tools like those of QNX, in
the same version on every machine and without a privilege. Nothing is installed; what the machine itself has does not
matter.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.provision.apt import Request, packages
from harness.provision.cache import Entry, cached, find
from harness.provision.notice import notice
from harness.provision.process import run
from harness.provision.qemu_program import own_architecture

_UNPACK_SECONDS: Final = 120
_KIND: Final = "board"
_RECIPE: Final = "2"
_PACKAGES: Final = ("openssh-server", "ser2net", "mksh", "toybox")


@dataclass(frozen=True)
class Programs:
    """The unpacked packages. Paths in the prefix are those of a root file system: ``/usr/sbin/sshd``."""

    root: Path

    @property
    def libraries(self) -> Path:
        """The multiarch library folder (Debian policy: ``/usr/lib/TRIPLET``) that holds the C library."""
        return next(self.root.glob("usr/lib/*-linux-gnu*/libc.so.6")).parent

    def path(self, program: str) -> Path:
        """Where a program of the prefix is; run it with ``command``."""
        return self.root / program.lstrip("/")

    def command(self, program: str, *, preload: Path | None = None) -> list[str]:
        """The start of a command line that runs ``program``.

        ``preload`` is a shared object to load before the program's own libraries. It reaches this program alone, not
        what that starts, as a variable in the environment would.
        """
        loader = next(self.libraries.glob("ld-linux*.so.*"))
        before = ["--preload", str(preload)] if preload else []
        return [str(loader), *before, "--library-path", str(self.libraries), str(self.path(program))]


def board_programs() -> Programs:
    """OpenSSH's server, ser2net, mksh, toybox: fetched and unpacked now if the cache has them not.

    Raises HarnessError.
    """
    return Programs(board_prefix().path)


def board_prefix() -> Entry:
    """The cache entry of the same; its facts name the packages."""
    request = _request()

    def unpack(folder: Path) -> Mapping[str, Any]:
        fetched = packages(request)
        notice(f"unpacking the loopback board's servers ({len(fetched)} packages)")
        for package in fetched:
            run(
                ["dpkg-deb", "--extract", str(package.file), str(folder)],
                what=f"unpacking {package.name}",
                timeout=_UNPACK_SECONDS,
            )
        _make_harmless(folder)
        return {"packages": [[package.name, package.version, package.sha256, package.source] for package in fetched]}

    return cached(_KIND, _inputs(request), unpack, what="the loopback board's servers")


def find_board_prefix() -> Entry | None:
    """As ``board_prefix``, but fetches nothing: None when the cache does not have it."""
    return find(_KIND, _inputs(_request()))


def _request() -> Request:
    return Request(_PACKAGES, own_architecture())


def _inputs(request: Request) -> dict[str, str]:
    return {"recipe": _RECIPE, **request.inputs}


def _make_harmless(folder: Path) -> None:
    """Folders that their owner may not write could not be deleted again; programs that become root are not wanted."""
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            entry = Path(path) / name
            if not entry.is_symlink():
                mode = entry.stat().st_mode
                entry.chmod((mode | 0o700 if entry.is_dir() else mode) & ~0o6000)
