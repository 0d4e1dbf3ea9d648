# SPDX-License-Identifier: Apache-2.0
"""Files on a host over SFTP: only what changed, whole or not at all, and compared with what was meant."""

from __future__ import annotations

import hashlib
import posixpath
import re
import shlex
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Final

import paramiko

from harness.errors import BenchError
from harness.host.errors import PermanentHostError
from harness.host.sftp import remove, replace, status
from harness.host.ssh import SshConnection
from harness.shmem.config.variables import references

_CHUNK_BYTES: Final = 32768
_HASH_TOOLS: Final[tuple[tuple[str, ...], ...]] = (
    ("sha256sum",),
    ("openssl", "dgst", "-sha256"),
    ("shasum", "-a", "256"),
    ("digest", "-a", "sha256"),
)
_HASH_SECONDS: Final = 60.0
_COMMAND_SECONDS: Final = 15.0
_FOR_ALL: Final = 0o444
_FOR_OTHERS: Final = 0o077
GUEST_NAMES: Final = r"(?:guest|attempt|check)\d*"
"""How the harness names guests (regular expression)."""
_OF_ONE_RUN: Final = re.compile(rf"\.?(?:{GUEST_NAMES}\.qvmconf|linux-initrd-\w+-\d+)(?:\.new)?")
"""Configurations, and images with keys of a run: those of a run that was killed are of no use to anybody."""


_LONGEST_FOLDER: Final = 3000
"""Bytes; the names of files come on top, and the host's own limit is 4095 at most."""


def folder_problem(folder: str) -> str:
    """Why files in a folder of this name cannot be used, or nothing: they are named in configurations."""
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", folder):
        return f"the folder {folder!r} has a character that cannot be written in a configuration"
    if variables := references(folder):
        return f"the folder {folder!r} has {variables[0]}, which a configuration reads as a variable"
    if len(folder.encode()) > _LONGEST_FOLDER:
        return f"the folder {folder!r} has more than {_LONGEST_FOLDER} bytes"
    return ""


class HostFiles:
    """A folder on a host. ``say`` gets what a person may want to know afterwards.

    A file is written under a temporary name in the same folder, ``.NAME.new``, and renamed, so that a reader sees
    the old one or the new one. A connection that breaks leaves a temporary file, which the next upload replaces.

    A file that is for its owner alone here is so there, and goes away with ``clean``: a key, or an image with one.
    """

    def __init__(self, connection: SshConnection, folder: str, say: Callable[[str], None]) -> None:
        self._connection = connection
        self._folder = folder
        self._say = say
        self._tool: tuple[str, ...] | None = None
        self._there: dict[str, str] = {}
        self._made: set[str] = set()
        self._uploaded: set[str] = set()
        self._made_folders: list[str] = []
        self.path = ""
        """The folder as an absolute path on the host, once it is prepared."""

    def prepare(self) -> None:
        """Make the folder and see what the host can do; again after a new connection. Raises BenchError."""
        if problem := folder_problem(self._folder):
            raise PermanentHostError(
                f"{self._connection.name}: {problem}", remedy="name another folder in the target file"
            )
        self._there.clear()
        sftp = self._connection.sftp()
        with self._connection.translated("the preparation of its folder"):
            try:
                home = sftp.normalize(".")
                self.path = posixpath.normpath(posixpath.join(home, self._folder))
                self._must_be_a_folder_below(home)
                self._make_folder(sftp)
            except OSError as error:
                raise PermanentHostError(
                    f"{self._connection.name}: the folder {self.path or self._folder} cannot be made: {error}",
                    remedy="name a folder of the host that can be written in the target file",
                ) from error
        self._tool = self._find_hash_tool()

    def _must_be_a_folder_below(self, home: str) -> None:
        if posixpath.commonpath([home, self.path]) == self.path:
            raise PermanentHostError(
                f"{self._connection.name}: the folder {self._folder!r} is {self.path}, which contains files of others",
                remedy="name a folder of its own in the target file; what is not an absolute path is below the"
                " account's home",
            )

    def _make_folder(self, sftp: paramiko.SFTPClient) -> None:
        missing: list[str] = []
        path = self.path
        while status(sftp, path) is None:
            missing.append(path)
            path = posixpath.dirname(path)
        for path in reversed(missing):
            sftp.mkdir(path)
            self._made_folders.append(path)

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
        path = posixpath.join(self.path, source.name)
        if self._there.get(source.name) == digest:
            return path
        about = source.stat()
        names = {source.name, posixpath.basename(_temporary(path)), posixpath.basename(_note(path))}
        if not about.st_mode & _FOR_OTHERS:
            self._made |= names
        if not self._has(path, about.st_size, digest):
            self._uploaded |= names
            with source.open("rb") as stream:
                self._upload(path, stream, about.st_size, digest, about.st_mode & 0o777)
            self._remember_digest(path, digest)
            self._say(f"uploaded {source.name}, {about.st_size} bytes, SHA-256 {digest}")
        self._there[source.name] = digest
        return path

    def put_text(self, name: str, text: str) -> str:
        """Put a small file there; it goes away again with ``clean``. Returns its path on the host."""
        data = text.encode()
        path = posixpath.join(self.path, name)
        self._made.add(name)
        self._upload(path, BytesIO(data), len(data), hashlib.sha256(data).hexdigest(), _FOR_ALL)
        return path

    def own(self, name: str) -> str:
        """Something that the harness makes in the folder by other means: ``clean`` removes it too. Returns its path."""
        self._made.add(name)
        return posixpath.join(self.path, name)

    def clean(self, *, everything: bool) -> None:
        """Remove what this run and killed ones have made, secrets, and with ``everything`` what this run has uploaded.

        What belongs to others stays, and so does a folder that was there before. Raises BenchError for what cannot be
        removed.
        """
        sftp = self._connection.sftp()
        ours = self._made | self._uploaded if everything else self._made
        with self._connection.translated("the removal of files"):
            try:
                for name in sftp.listdir(self.path):
                    if name in ours or _OF_ONE_RUN.fullmatch(name):
                        remove(sftp, posixpath.join(self.path, name))
                if everything:
                    self._remove_made_folders(sftp)
            except FileNotFoundError:
                self._say(f"{self.path} is already removed")
            except OSError as error:
                raise BenchError(f"{self._connection.name}: {self.path} cannot be cleaned: {error}") from error
        self._made.clear()
        self._there.clear()

    def _remove_made_folders(self, sftp: paramiko.SFTPClient) -> None:
        while self._made_folders and not sftp.listdir(self._made_folders[-1]):
            sftp.rmdir(self._made_folders.pop())

    def _has(self, path: str, size: int, digest: str) -> bool:
        """Whether the host has this content already."""
        with self._connection.translated("the inspection of its files"):
            found = status(self._connection.sftp(), path)
            if found is None or found.st_size != size:
                return False
            if self._tool is None:
                return self._remembered_digest(path) == digest
        return self._digest_there(self._tool, path) == digest

    def _upload(self, path: str, stream: IO[bytes], size: int, digest: str, mode: int) -> None:
        temporary = _temporary(path)
        with self._connection.translated(f"the upload of {posixpath.basename(path)}"):
            sftp = self._connection.sftp()
            try:
                _write(sftp, temporary, stream, mode)
                self._verify(sftp, temporary, size, digest)
                self._rename(sftp, temporary, path)
            except OSError as error:
                if not self._connection.connected:
                    raise
                raise self._refused(sftp, temporary, path, size, error) from error

    def _verify(self, sftp: paramiko.SFTPClient, temporary: str, size: int, digest: str) -> None:
        there = sftp.stat(temporary).st_size
        if there != size:
            raise OSError(f"{there} of {size} bytes arrived")
        if self._tool and self._digest_there(self._tool, temporary) != digest:
            raise OSError("the host has read back other bytes than were sent")

    def _digest_there(self, tool: Sequence[str], path: str) -> str:
        # As its input: what a tool writes of a file's name, and how, is its own business.
        said = self._connection.run(["sh", "-c", 'exec "$@" <"$0"', path, *tool], _HASH_SECONDS)
        words = [word for word in said.output.split() if len(word) == 64]
        if said.status or not words:
            raise BenchError(f"{self._connection.name}: {shlex.join([*tool, path])} failed: {said.output.strip()}")
        return words[0]

    def _rename(self, sftp: paramiko.SFTPClient, temporary: str, path: str) -> None:
        if not replace(sftp, temporary, path):
            self._say(f"no atomic rename on this server: {path} was removed and then renamed")

    def _refused(self, sftp: paramiko.SFTPClient, temporary: str, path: str, size: int, error: OSError) -> BenchError:
        """An error that shows what the host itself says: SFTP has no word for a full disk."""
        run = self._connection.run
        try:
            # A little more of what there is already: the shell or the kernel says why that is not possible.
            more = run(["sh", "-c", 'dd if=/dev/zero bs=1024 count=64 >>"$0"', temporary], _COMMAND_SECONDS)
            disk = run(["df", "-k", self.path], _COMMAND_SECONDS)
        finally:
            remove(sftp, temporary)
        reasons = [str(error)] if more.status == 0 else [str(error), *more.output.strip().splitlines()[:1]]
        lines = "\n".join(f"  | {line}" for line in disk.output.strip().splitlines())
        return BenchError(
            f"{self._connection.name}: {path} ({size} bytes) could not be written: {'; '.join(reasons)}\n{lines}",
            remedy=f"make room on the host, or name another folder than {self.path} in the target file",
        )

    def _remember_digest(self, path: str, digest: str) -> None:
        """Note what was uploaded in a file next to it, for a host without a tool for hashes."""
        if self._tool is None:
            with self._connection.translated("an upload"), self._connection.sftp().open(_note(path), "w") as file:
                file.write(digest)

    def _remembered_digest(self, path: str) -> str:
        try:
            with self._connection.sftp().open(_note(path), "r") as file:
                return file.read().decode("ascii", "replace").strip()
        except FileNotFoundError:
            return ""


def _temporary(path: str) -> str:
    return posixpath.join(posixpath.dirname(path), f".{posixpath.basename(path)}.new")


def _note(path: str) -> str:
    return posixpath.join(posixpath.dirname(path), f".{posixpath.basename(path)}.sha256")


def _write(sftp: paramiko.SFTPClient, path: str, stream: IO[bytes], mode: int) -> None:
    with sftp.open(path, "wb") as file:
        if mode & _FOR_ALL != _FOR_ALL:  # before there is anything to read in it
            file.chmod(mode)
        # Without an answer for each piece: four times as fast, and the answers are looked at when the file is closed.
        file.set_pipelined(True)
        while data := stream.read(_CHUNK_BYTES):
            file.write(data)


_digests: dict[tuple[str, int, int, int], str] = {}
"""Hashes of local files, as long as they do not change: an image is put on the host before every start of a guest."""


def _digest(source: Path) -> str:
    status = source.stat()
    key = (str(source), status.st_ino, status.st_mtime_ns, status.st_size)
    if key not in _digests:
        with source.open("rb") as stream:
            _digests[key] = hashlib.file_digest(stream, "sha256").hexdigest()
    return _digests[key]
