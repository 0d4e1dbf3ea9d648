# SPDX-License-Identifier: Apache-2.0
"""The user's cache: what was fetched or built once is there for every later run, complete or not at all.

An entry is a folder ``KIND/KEY``. KEY is the hash of everything that decides the content, so a changed input is another
entry and nothing is ever out of date. An entry is built in a folder next to its final path and renamed there when it is
complete; its record (``entry.json``) holds the size and the SHA-256 of every file.

Building is guarded by a lock on ``KIND/KEY.lock``. The kernel gives the lock up when its holder dies, so anyone who has
the lock knows that every unfinished folder of that entry is left over from a dead process.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs

from harness.errors import HarnessError
from harness.paths import must_have_room
from harness.provision.notice import notice
from harness.provision.process import ToolError

_RECORD: Final = "entry.json"
_UNFINISHED: Final = ".unfinished-"
_ANOTHER: Final = "set SHMEM_HARNESS_CACHE to another folder"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)


def cache_dir() -> Path:
    """The root of the cache: ``$SHMEM_HARNESS_CACHE``, or the user's cache directory of the platform. May not exist.

    Raises HarnessError for a user without a home: one that neither HOME nor the machine's list of users names.
    """
    override = os.environ.get("SHMEM_HARNESS_CACHE")
    if override:
        return Path(override).absolute()
    try:
        return platformdirs.user_cache_path("shmem-harness").absolute()
    except RuntimeError as error:
        raise HarnessError(
            f"there is no folder for the cache: HOME is not set, and there is no user {os.getuid()}",
            remedy="set HOME, or SHMEM_HARNESS_CACHE to a folder that you may write",
        ) from error


def cache_has_room() -> None:
    """Raise UsageError when files in the cache could not be named, because its own path is so long."""
    must_have_room(cache_dir(), "the cache", remedy=_ANOTHER)


@dataclass(frozen=True)
class Entry:
    """A complete entry of the cache."""

    path: Path
    record: Mapping[str, Any]

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the builder said about the content (see `cached`)."""
        facts: Mapping[str, Any] = self.record["facts"]
        return facts

    @property
    def files(self) -> Mapping[str, str]:
        """SHA-256 of every file, by its path in the entry."""
        return {name: digest for name, (_, digest) in self.record["files"].items()}

    def damage(self) -> list[str]:
        """The files whose content is not what was stored (reads all of them)."""
        return [name for name, digest in self.files.items() if _sha256_or_none(self.path / name) != digest]


Builder = Callable[[Path], Mapping[str, Any] | None]
"""Fills an empty folder; what it returns (JSON) is kept with the entry as its facts."""


def cached(kind: str, inputs: Mapping[str, str], build: Builder, *, what: str) -> Entry:
    """The entry of these inputs, built now if the cache has none or only a damaged one.

    `inputs` names everything that decides the content. `what` is how a person calls it. Raises HarnessError with a
    remedy when the disk is full or the cache cannot be written; exceptions of `build` pass through. In each case
    the cache is as it was before.
    """
    cache_has_room()
    entry_dir = cache_dir() / kind / _key(inputs)
    found = _load(entry_dir)
    if found is not None:
        return found
    try:
        with locked(entry_dir.with_name(f"{entry_dir.name}.lock"), what=what):
            return _load(entry_dir) or _build(entry_dir, inputs, build, what)
    except ToolError as error:
        if error.disk_full:
            raise _disk_full(what, error) from error
        raise
    except OSError as error:
        raise _explained(error, what) from error


def find(kind: str, inputs: Mapping[str, str]) -> Entry | None:
    """The entry of these inputs if the cache has it; builds nothing."""
    return _load(cache_dir() / kind / _key(inputs))


def discard(entry: Entry) -> None:
    """Take a damaged entry out of the cache."""
    with locked(entry.path.with_name(f"{entry.path.name}.lock"), what=entry.path.name):
        _remove(entry.path)


@contextmanager
def locked(lock: Path, *, what: str) -> Iterator[int]:
    """Hold the lock file; says so when another process has it. The kernel frees it when the holder ends, however.

    Gives the file descriptor: a child that inherits it keeps the lock until it has ended too.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            notice(f"{what}: process {file.read().strip() or '?'} is working on it; waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


def sha256(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _key(inputs: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(inputs), sort_keys=True).encode()).hexdigest()[:24]


def _load(entry_dir: Path) -> Entry | None:
    """The entry, if it is complete and its files have the sizes that were recorded.

    Sizes reveal what a power failure leaves (empty files, missing files) and cost milliseconds; contents are read by
    `Entry.damage`.
    """
    try:
        record = json.loads((entry_dir / _RECORD).read_bytes())
        complete = all((entry_dir / name).lstat().st_size == size for name, (size, _) in record["files"].items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Entry(entry_dir, record) if complete else None


def _build(entry_dir: Path, inputs: Mapping[str, str], build: Builder, what: str) -> Entry:
    _remove_unfinished(entry_dir)
    if entry_dir.exists():
        notice(f"{what}: the cached copy is damaged; rebuilding it")
        _remove(entry_dir)
    unfinished = Path(tempfile.mkdtemp(prefix=f"{entry_dir.name}{_UNFINISHED}", dir=entry_dir.parent))
    try:
        facts = build(unfinished)
        record = {"inputs": dict(inputs), "facts": dict(facts or {}), "files": _inventory(unfinished)}
        text = json.dumps(record, indent=1)
        (unfinished / _RECORD).write_text(text)
        unfinished.chmod(0o755)
        unfinished.rename(entry_dir)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return Entry(entry_dir, json.loads(text))


def _inventory(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(file.relative_to(folder)): (file.stat().st_size, sha256(file))
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.is_symlink()
    }


def _remove(entry_dir: Path) -> None:
    """Rename first: at no moment is there half an entry in the place of a whole one."""
    if entry_dir.exists():
        grave = Path(tempfile.mkdtemp(prefix=f"{entry_dir.name}{_UNFINISHED}", dir=entry_dir.parent))
        entry_dir.rename(grave / entry_dir.name)
        shutil.rmtree(grave, ignore_errors=True)


def _remove_unfinished(locked_entry: Path) -> None:
    """Remove what dead processes left, of any entry of this kind; a living builder holds the lock of its entry.

    The lock of `locked_entry` is ours, so no process is building that one.
    """
    for left in locked_entry.parent.glob(f"*{_UNFINISHED}*"):
        entry_dir = left.with_name(left.name.partition(_UNFINISHED)[0])
        if entry_dir == locked_entry:
            shutil.rmtree(left, ignore_errors=True)
            continue
        with entry_dir.with_name(f"{entry_dir.name}.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(left, ignore_errors=True)


def _sha256_or_none(file: Path) -> str | None:
    try:
        return sha256(file)
    except OSError:
        return None


def _explained(error: OSError, what: str) -> Exception:
    if error.errno in _FULL:
        return _disk_full(what, error)
    if error.errno in _FORBIDDEN and _in_cache(error.filename):
        return HarnessError(
            f"{what}: cannot write to the cache {cache_dir()}: {error.strerror}",
            remedy="make that folder writable, or set SHMEM_HARNESS_CACHE to another folder",
        )
    return error


def _in_cache(name: object) -> bool:
    """Whether the error is about the cache, or about a folder that the cache would have to be made in."""
    if not isinstance(name, str | os.PathLike):
        return True
    path = Path(name).absolute()
    return path.is_relative_to(cache_dir()) or cache_dir().is_relative_to(path)


def _disk_full(what: str, error: Exception) -> HarnessError:
    return HarnessError(
        f"{what}: no space left in the cache {cache_dir()} ({error})",
        remedy="free about 1 GB there, or set SHMEM_HARNESS_CACHE to a folder on a larger file system;"
        " what was fetched so far is kept and used by the next start",
    )
