# SPDX-License-Identifier: Apache-2.0
"""Short and plain paths, which every program accepts, wherever the user's own folders are.

The path of a UNIX socket is limited to about a hundred bytes, a list of libraries cannot contain a blank or a colon,
and configuration files have quoting rules of their own. Therefore all files of one run are created below a short
folder with a plain name. Files that live elsewhere (the cache) are reached through a link in such a folder, or by a
path relative to the working directory.
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

from harness.account import nobody_else_can_exchange
from harness.errors import BenchError, UsageError

LONGEST: Final = 72
"""Bytes of the path of a folder that a run's own folder is made in."""

LONGEST_OF_A_RUN: Final = LONGEST + 22
"""Bytes of the path of that folder: the longest name of a socket in it has 13, and the kernel takes 107."""

ROOM: Final = 400
"""Bytes that the paths of our own making below a folder may need; the longest one so far has 200."""

_PATH_MAX: Final = 4095
_PLAIN: Final = re.compile(r"[A-Za-z0-9/._+-]+")
_ALWAYS_THERE: Final = ("/tmp", "/var/tmp", "/dev/shm")


def is_plain(path: str | os.PathLike[str], longest: int = LONGEST) -> bool:
    """Whether the path is short and has no character with a special meaning to any program."""
    text = os.fspath(path)
    return _PLAIN.fullmatch(text) is not None and len(text) <= longest


def must_be_plain(path: Path, what: str) -> None:
    """Raise UsageError for a folder that a user has named and that is too long or not plain."""
    if not is_plain(path, LONGEST_OF_A_RUN):
        raise UsageError(
            f"{what} must be short and plain, not {str(path)!r}",
            remedy=f"it holds sockets: use at most {LONGEST_OF_A_RUN} letters, digits and /._+-",
        )


def must_have_room(path: Path, what: str, *, remedy: str) -> None:
    """Raise UsageError for a folder whose path is so long that files below it could not be named."""
    length = len(os.fsencode(path.absolute()))
    if length > _PATH_MAX - ROOM:
        raise UsageError(f"the path of {what} has {length} bytes, more than {_PATH_MAX - ROOM}: {path}", remedy=remedy)


def plain_base() -> Path:
    """The folder for temporary files: TMPDIR where that has a plain path, else /tmp or another that can be written.

    It is none in which another user could exchange what we make. Raises BenchError when there is none.
    """
    bases = dict.fromkeys((*_wanted(), *_ALWAYS_THERE))
    for base in filter(is_plain, bases):
        if os.access(base, os.W_OK | os.X_OK) and nobody_else_can_exchange(Path(base)):
            return Path(base)
    raise BenchError(
        f"found no folder for temporary files with a short and plain name; tried {', '.join(map(repr, bases))}",
        remedy=f"set TMPDIR to a folder that only you can write to (or a sticky one), whose path has at most {LONGEST} "
        "letters, digits and /._+-",
    )


def plain_folder(prefix: str) -> Path:
    """A new folder with a plain path that only this user can read. The caller removes it. Raises BenchError."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=plain_base()))


def _wanted() -> Iterator[str]:
    """The folder for temporary files as Python finds it, if there is one."""
    try:
        yield tempfile.gettempdir()
    except FileNotFoundError:
        return


def readable(text: str) -> str:
    """A path, or what has one in it, as one line that can be written anywhere: what is no text becomes escapes."""
    whole = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in whole)


@contextmanager
def plain_way(target: Path) -> Iterator[Path]:
    """A plain path that leads to ``target`` as long as the context lasts: its own, or that of a link."""
    if is_plain(target):
        yield target
        return
    folder = plain_folder("shmem-link-")
    try:
        link = folder / "to"
        link.symlink_to(target)
        yield link
    finally:
        shutil.rmtree(folder, ignore_errors=True)
