# SPDX-License-Identifier: Apache-2.0
"""Folders that any program can be told of, wherever the user's own folders are.

A UNIX socket's name has room for some hundred bytes; a list of libraries cannot hold a blank or a colon; a server's
configuration has its own idea of a quote. So what is made for one run is below a short folder with a plain name, and
what has its place elsewhere (the cache) is reached through a link in such a folder, or from a working directory.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness.errors import BenchError, UsageError

LONGEST: Final = 72
"""Bytes of a folder's path, so that a socket two folders below it has a name of less than 108."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9/._+-]+")
_ALWAYS_THERE: Final = ("/tmp", "/var/tmp", "/dev/shm")


def is_plain(path: str | os.PathLike[str]) -> bool:
    """Whether every program takes this path for what it is: short, and without a character that means something."""
    text = os.fspath(path)
    return _PLAIN.fullmatch(text) is not None and len(text) <= LONGEST


def must_be_plain(path: Path, what: str) -> None:
    """Raise UsageError for a folder that a user has named, and that sockets and programs cannot be told of."""
    if not is_plain(path):
        raise UsageError(
            f"{what} is {str(path)!r}",
            remedy=f"it holds sockets: name one whose absolute path has at most {LONGEST} letters, digits and /._+-",
        )


def plain_folder(prefix: str) -> Path:
    """A new folder with a plain path, for this user alone: in TMPDIR where that is plain itself, else in /tmp.

    Whoever asks for it removes it. Raises BenchError when there is no place for one.
    """
    bases = dict.fromkeys((*_wanted(), *_ALWAYS_THERE))
    for base in filter(is_plain, bases):
        try:
            return Path(tempfile.mkdtemp(prefix=prefix, dir=base))
        except OSError:
            continue
    raise BenchError(
        f"there is no place for a folder with a short and plain name; tried {', '.join(map(repr, bases))}",
        remedy=f"set TMPDIR to one that can be written, whose path has at most {LONGEST} letters, digits and /._+-",
    )


def _wanted() -> Iterator[str]:
    """The folder for temporary files, if there is one."""
    try:
        yield tempfile.gettempdir()
    except FileNotFoundError:
        return


@contextmanager
def plain_link(target: Path) -> Iterator[Path]:
    """A path without any special character that leads to ``target``, as long as the context lasts."""
    folder = plain_folder("shmem-link-")
    try:
        link = folder / "to"
        link.symlink_to(target)
        yield link
    finally:
        shutil.rmtree(folder, ignore_errors=True)
