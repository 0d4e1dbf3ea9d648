# SPDX-License-Identifier: Apache-2.0
"""What is on a board's disk: its shell, its programs, where things are, and how its servers are set up.

``posix`` has the shell and the tools of this machine, and is generous. ``qnx`` is like an image of QNX 8.0, as far as
public sources tell and a user without privileges can have it (docs/boards.md): a shell of the pdksh family, applets of
toybox and ``kill`` in the shell alone, no tool for SHA-256, eight pseudo-terminals in edited mode, ten sessions a
connection, a login that asks, keys and the account's home below ``/data``, and a ``/tmp`` without directories. Its root
is the folder ``root`` of the board.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from harness.errors import BenchError
from harness.loopback.wrappers import Wrappers

Kind = Literal["posix", "qnx"]

ROOT: Final = "root"
HOST_CLIENT: Final = "shmem-host-client"
"""The host's client of regions, as a board of QNX would have it (docs/host-client.md)."""
_HOST: Final = "host"
"""The board's link to its running hypervisor."""
_APPLETS: Final = (
    *("cat", "chmod", "cksum", "cp", "date", "dd", "df", "echo", "env", "false", "hostname", "id", "ln", "ls", "mkdir"),
    *("mv", "printf", "pwd", "rm", "rmdir", "sleep", "touch", "true", "uname", "wc"),
)
_TERMINALS: Final = 8
_SESSIONS: Final = 10


@dataclass(frozen=True)
class Image:
    """How a board is.

    ``home`` is the account's, ``shell`` that of SSH and console, ``path`` the PATH of both. ``keys`` has the SSH
    server's keys. ``questions``: the login over SSH asks for the password (keyboard-interactive) and does not take one
    unasked. ``flat`` is a folder in which no folders can be made. ``terminals`` is how many pseudo-terminals it has, as
    devc-pty makes them (0: as many as guests ask for), ``max_sessions`` the sessions of an SSH connection.
    """

    home: Path
    shell: Path
    path: str
    keys: Path
    questions: bool = False
    flat: Path | None = None
    terminals: int = 0
    max_sessions: int = 100

    @property
    def variables(self) -> Mapping[str, str]:
        """What the library that is loaded into its programs has to know."""
        return {"BOARD_FLAT": str(self.flat)} if self.flat else {}


def _posix(folder: Path, _wrappers: Wrappers) -> Image:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return Image(home, Path("/bin/sh"), f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin", folder / "etc")


def _qnx(folder: Path, wrappers: Wrappers) -> Image:
    root = folder / ROOT
    programs = root / "system/bin"
    image = Image(
        home=root / "data/home",
        shell=programs / "sh",
        path=str(programs),
        keys=root / "data/var/ssh",
        questions=True,
        flat=root / "tmp",
        terminals=_TERMINALS,
        max_sessions=_SESSIONS,
    )
    for place in (programs, image.home, image.keys, root / "tmp"):
        place.mkdir(parents=True, exist_ok=True)
    # The hypervisor's devices are there while the board has power.
    _replace(root / "dev", folder / _HOST / ROOT / "dev")
    wrappers.write(image.shell, "/usr/bin/mksh", variables=image.variables)
    for applet in _APPLETS:
        wrappers.write(programs / applet, "/usr/bin/toybox", applet, variables=image.variables)
    _replace(programs / "stty", _own_stty())
    for name in ("qvm", HOST_CLIENT):
        _replace(programs / name, folder / "bin" / name)
    return image


def _own_stty() -> Path:
    """This machine's: QNX has one of its own, and toybox has none."""
    found = shutil.which("stty")
    if found is None:
        raise BenchError("this machine has no stty", remedy="install coreutils")
    return Path(found)


def _replace(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


IMAGES: Final[Mapping[Kind, Callable[[Path, Wrappers], Image]]] = {"posix": _posix, "qnx": _qnx}
"""By the kind: puts the image on the disk of the board in a folder. Raises HarnessError."""
