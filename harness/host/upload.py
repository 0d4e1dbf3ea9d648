# SPDX-License-Identifier: Apache-2.0
"""Files on a host over SFTP: only what changed, whole or not at all, and compared with what was meant."""

from __future__ import annotations

import errno
import hashlib
import posixpath
import shlex
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Final

import paramiko

from harness.errors import BenchError
from harness.host.refused import HostRefusesError
from harness.host.ssh import SshConnection

_CHUNK_BYTES: Final = 32768
_HASH_TOOLS: Final[tuple[tuple[str, ...], ...]] = (
    ("sha256sum",),
    ("openssl", "dgst", "-sha256"),
    ("shasum", "-a", "256"),
    ("digest", "-a", "sha256"),
)
_HASH_SECONDS: Final = 60.0
_COMMAND_SECONDS: Final = 15.0
_SECRET: Final = 0o600


class HostFiles:
    """A folder on a host. ``say`` gets what a person may want to know afterwards.

    A file is written under a temporary name beside its place, ``.NAME.new``, and then renamed, so that a reader sees
    the old one or the new one. A connection that breaks leaves a temporary file, which the next upload replaces.
    """

    def __init__(self, connection: SshConnection, folder: str, say: Callable[[str], None]) -> None:
        self._connection = connection
        self._folder = folder
        self._say = say
        self._tool: tuple[str, ...] | None = None
        self._there: dict[str, str] = {}
        self._made: set[str] = set()
        self.path = ""
        """The folder as an absolute path on the host, once it is prepared."""

    def prepare(self) -> None:
        """Make the folder and see what the host can do. Raises BenchError."""
        sftp = self._connection.sftp()
        with self._connection.translated("the preparation of its folder"):
            try:
                home = sftp.normalize(".")
                self.path = posixpath.normpath(posixpath.join(home, self._folder))
                self._make_folder(sftp)
            except OSError as error:
                raise HostRefusesError(
                    f"{self._connection.name}: the folder {self.path or self._folder} cannot be made: {error}",
                    remedy="name a folder of the host that can be written in the target file",
                ) from error
        self._tool = self._find_hash_tool()

    def _make_folder(self, sftp: paramiko.SFTPClient) -> None:
        missing: list[str] = []
        path = self.path
        while _status(sftp, path) is None:
            missing.append(path)
            path = posixpath.dirname(path)
        for path in reversed(missing):
            sftp.mkdir(path)

    def _find_hash_tool(self) -> tuple[str, ...] | None:
        """The first command of the host that knows the SHA-256 of nothing."""
        nothing = hashlib.sha256(b"").hexdigest()
        for tool in _HASH_TOOLS:
            said = self._connection.run([*tool, "/dev/null"], _COMMAND_SECONDS)
            if said.status == 0 and nothing in said.output:
                return tool
        self._say("the host has no tool for SHA-256: uploads are compared by size alone")
        return None

    def put(self, source: Path) -> str:
        """Put a file there unless the host has it; returns its path on the host. Raises BenchError, SshLostError."""
        digest = _digest(source)
        place = posixpath.join(self.path, source.name)
        if self._there.get(source.name) == digest:
            return place
        size = source.stat().st_size
        if not self._has(place, size, digest):
            with source.open("rb") as stream:
                self._upload(place, stream, size, digest)
            self._remember_digest(place, digest)
            self._say(f"uploaded {source.name}, {size} bytes, SHA-256 {digest}")
        self._there[source.name] = digest
        return place

    def put_text(self, name: str, text: str) -> str:
        """Put a small file there; it goes away again with ``clean``. Returns its path on the host."""
        data = text.encode()
        place = posixpath.join(self.path, name)
        self._made.add(place)
        self._upload(place, BytesIO(data), len(data), hashlib.sha256(data).hexdigest())
        return place

    def own(self, place: str) -> None:
        """Something that the harness makes on the host by other means: ``clean`` removes it too."""
        self._made.add(place)

    def clean(self, *, everything: bool) -> None:
        """Remove what this run put there, or the whole folder. Raises BenchError for what cannot be removed."""
        sftp = self._connection.sftp()
        with self._connection.translated("the removal of files"):
            try:
                names = sftp.listdir(self.path) if everything else []
                for place in {*self._made, *(posixpath.join(self.path, name) for name in names)}:
                    _remove(sftp, place)
                if everything:
                    sftp.rmdir(self.path)
            except OSError as error:
                raise BenchError(f"{self._connection.name}: {self.path} cannot be cleaned: {error}") from error
        self._made.clear()
        self._there.clear()

    def _has(self, place: str, size: int, digest: str) -> bool:
        """Whether the host has this content already."""
        with self._connection.translated("a look at its files"):
            found = _status(self._connection.sftp(), place)
            if found is None or found.st_size != size:
                return False
            if self._tool is None:
                return self._remembered_digest(place) == digest
        return self._digest_there(self._tool, place) == digest

    def _upload(self, place: str, stream: IO[bytes], size: int, digest: str) -> None:
        temporary = posixpath.join(posixpath.dirname(place), f".{posixpath.basename(place)}.new")
        with self._connection.translated(f"the upload of {posixpath.basename(place)}"):
            sftp = self._connection.sftp()
            try:
                _write(sftp, temporary, stream)
                self._verify(sftp, temporary, size, digest)
                self._rename(sftp, temporary, place)
            except OSError as error:
                if not self._connection.connected:
                    raise
                raise self._refused(sftp, temporary, place, size, error) from error

    def _verify(self, sftp: paramiko.SFTPClient, temporary: str, size: int, digest: str) -> None:
        there = sftp.stat(temporary).st_size
        if there != size:
            raise OSError(f"{there} of {size} bytes arrived")
        if self._tool and self._digest_there(self._tool, temporary) != digest:
            raise OSError("the host has read back other bytes than were sent")

    def _digest_there(self, tool: Sequence[str], place: str) -> str:
        said = self._connection.run([*tool, place], _HASH_SECONDS)
        words = [word for word in said.output.split() if len(word) == 64]
        if said.status or not words:
            raise BenchError(f"{self._connection.name}: {shlex.join([*tool, place])} failed: {said.output.strip()}")
        return words[0]

    def _rename(self, sftp: paramiko.SFTPClient, temporary: str, place: str) -> None:
        try:
            sftp.posix_rename(temporary, place)
        except OSError as error:
            if _status(sftp, temporary) is None:
                raise
            # The rename of the protocol itself refuses a name that exists.
            self._say(f"no atomic rename on this server ({error}): {place} is removed and then renamed")
            if _status(sftp, place) is not None:
                sftp.remove(place)
            sftp.rename(temporary, place)

    def _refused(self, sftp: paramiko.SFTPClient, temporary: str, place: str, size: int, error: OSError) -> BenchError:
        """An error that shows what the host itself says: SFTP has no word for a full disk."""
        run = self._connection.run
        try:
            attempt = ["dd", "if=/dev/zero", f"of={temporary}", "bs=1024", f"count={size // 1024 + 1}"]
            words = run(attempt, _HASH_SECONDS)
            disk = run(["df", "-k", self.path], _COMMAND_SECONDS)
        finally:
            _remove(sftp, temporary)
        reasons = [str(error)] if words.status == 0 else [str(error), *words.output.strip().splitlines()[:1]]
        lines = "\n".join(f"  | {line}" for line in disk.output.strip().splitlines())
        return BenchError(
            f"{self._connection.name}: {place} ({size} bytes) could not be written: {'; '.join(reasons)}\n{lines}",
            remedy=f"make room on the host, or name another folder than {self.path} in the target file",
        )

    def _remember_digest(self, place: str, digest: str) -> None:
        """For a host without a tool: what was uploaded, in a file beside it."""
        if self._tool is None:
            with self._connection.translated("an upload"), self._connection.sftp().open(_note(place), "w") as file:
                file.write(digest)

    def _remembered_digest(self, place: str) -> str:
        try:
            with self._connection.sftp().open(_note(place), "r") as file:
                return file.read().decode("ascii", "replace").strip()
        except FileNotFoundError:
            return ""


def exists(sftp: paramiko.SFTPClient, path: str) -> bool:
    """Whether there is something of that name on the host."""
    return _status(sftp, path) is not None


def _note(place: str) -> str:
    return posixpath.join(posixpath.dirname(place), f".{posixpath.basename(place)}.sha256")


def _status(sftp: paramiko.SFTPClient, path: str) -> paramiko.SFTPAttributes | None:
    try:
        return sftp.stat(path)
    except FileNotFoundError:
        return None


def _write(sftp: paramiko.SFTPClient, place: str, stream: IO[bytes]) -> None:
    with sftp.open(place, "wb") as file:
        # Without an answer for each piece: four times as fast, and the answers are looked at when the file is closed.
        file.set_pipelined(True)
        while data := stream.read(_CHUNK_BYTES):
            file.write(data)


def _remove(sftp: paramiko.SFTPClient, place: str) -> None:
    try:
        sftp.remove(place)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise


_digests: dict[tuple[str, int, int, int], str] = {}
"""Hashes of local files, as long as nobody touches them: an image is put on the host before every start of a guest."""


def _digest(source: Path) -> str:
    status = source.stat()
    key = (str(source), status.st_ino, status.st_mtime_ns, status.st_size)
    if key not in _digests:
        with source.open("rb") as stream:
            _digests[key] = hashlib.file_digest(stream, "sha256").hexdigest()
    return _digests[key]
