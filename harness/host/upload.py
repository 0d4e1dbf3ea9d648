# SPDX-License-Identifier: Apache-2.0
"""Files on a host over SFTP: only what changed, whole or not at all, and compared with what was meant."""

from __future__ import annotations

import contextlib
import posixpath
import re
import shlex
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Final

import paramiko

from harness.errors import BenchError
from harness.host.checksums import TOOLS, ChecksumTool, Content, content_of, content_of_file
from harness.host.errors import PermanentHostError
from harness.host.sftp import remove, replace, status
from harness.host.ssh import SshConnection
from harness.shmem.config.variables import references

_CHUNK_BYTES: Final = 32768
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
    """A folder on a host: the first of ``folders`` that can be used, for as long as this object is there.

    ``say`` gets what a person may want to know afterwards. Of several folders, each is made only where the one above it
    is there already: a host may have no ``/data``.

    A file is written under a temporary name in the same folder, ``.NAME.new``, and renamed, so that a reader sees
    the old one or the new one. A connection that breaks leaves a temporary file, which the next upload replaces.

    A file that is for its owner alone here is so there, and goes away with ``clean``: a key, or an image with one.
    """

    def __init__(self, connection: SshConnection, folders: Sequence[str], say: Callable[[str], None]) -> None:
        self._connection = connection
        self._folders = list(folders)
        self._say = say
        self._tool: ChecksumTool | None = None
        self._there: dict[str, str] = {}
        self._made: set[str] = set()
        self._uploaded: set[str] = set()
        self._made_folders: list[str] = []
        self.path = ""
        """The folder as an absolute path on the host, once it is prepared."""

    def prepare(self) -> None:
        """Make the folder and see what the host can do; again after a new connection. Raises BenchError."""
        self._there.clear()
        with self._connection.translated("the search for a folder for files, from the account's home"):
            self._choose(self._connection.sftp())
        self._tool = self._find_tool()

    def _choose(self, sftp: paramiko.SFTPClient) -> None:
        """Make the first folder that can be made and written; then that one only. Raises PermanentHostError."""
        alone = len(self._folders) == 1
        reasons: list[str] = []
        for folder in self._folders:
            path = self._place(sftp, folder)
            try:
                self._make_folder(sftp, path, parents=alone)
                if not alone:
                    _must_be_writable(sftp, path)
            except OSError as error:
                if not self._connection.refused(error):
                    raise
                reasons.append(f"{path} cannot be made: {error}" if alone else f"{path}: {error}")
                continue
            self.path, self._folders = path, [folder]
            if not alone:
                self._say(f"files go to {path}; {'; '.join(reasons) or 'the first choice'}")
            return
        which = "the folder" if alone else "no folder for files can be made:"
        raise PermanentHostError(
            f"{self._connection.name}: {which} {'; '.join(reasons)}",
            remedy="name a folder of the host that can be written as 'folder' in the target file",
        )

    def _place(self, sftp: paramiko.SFTPClient, folder: str) -> str:
        """The absolute path of a folder that is fit for files of ours. Raises PermanentHostError."""
        if problem := folder_problem(folder):
            raise PermanentHostError(
                f"{self._connection.name}: {problem}", remedy="name another folder in the target file"
            )
        home = sftp.normalize(".")
        path = posixpath.normpath(posixpath.join(home, folder))
        if posixpath.commonpath([home, path]) == path:
            raise PermanentHostError(
                f"{self._connection.name}: the folder {folder!r} is {path}, which contains files of others",
                remedy="name a folder of its own in the target file; what is not an absolute path is below the"
                " account's home",
            )
        return path

    def _make_folder(self, sftp: paramiko.SFTPClient, path: str, *, parents: bool) -> None:
        missing: list[str] = []
        while status(sftp, path) is None:
            missing.append(path)
            path = posixpath.dirname(path)
        if len(missing) > 1 and not parents:
            raise FileNotFoundError(f"there is no {missing[-1]}")
        for path in reversed(missing):
            sftp.mkdir(path)
            self._made_folders.append(path)

    def _find_tool(self) -> ChecksumTool | None:
        """The first command of the host that knows the checksum of nothing."""
        nothing = content_of(BytesIO())
        for tool in TOOLS:
            said = self._connection.run([*tool.words, "/dev/null"], _COMMAND_SECONDS)
            if said.status == 0 and tool.expected(nothing) in said.output.split():
                if not tool.exact:
                    self._say(f"the host has no tool for SHA-256: uploads are compared with {shlex.join(tool.words)}")
                return tool
        self._say("the host has no tool for checksums: uploads are compared by size alone")
        return None

    def put(self, source: Path) -> str:
        """Put a file there unless the host has it; returns its path on the host. Raises BenchError, SshLostError."""
        content = content_of_file(source)
        digest = content.sha256
        path = posixpath.join(self.path, source.name)
        if self._there.get(source.name) == digest:
            return path
        about = source.stat()
        names = {source.name, posixpath.basename(_temporary(path)), posixpath.basename(_note(path))}
        if not about.st_mode & _FOR_OTHERS:
            self._made |= names
        if not self._has(path, content):
            self._uploaded |= names
            with source.open("rb") as stream:
                self._upload(path, stream, content, about.st_mode & 0o777)
            self._remember_digest(path, digest)
            self._say(f"uploaded {source.name}, {content.size} bytes, SHA-256 {digest}")
        self._there[source.name] = digest
        return path

    def put_text(self, name: str, text: str) -> str:
        """Put a small file there; it goes away again with ``clean``. Returns its path on the host."""
        data = text.encode()
        path = posixpath.join(self.path, name)
        self._made.add(name)
        self._upload(path, BytesIO(data), content_of(BytesIO(data)), _FOR_ALL)
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
                if not self._connection.refused(error):
                    raise
                raise BenchError(f"{self._connection.name}: {self.path} cannot be cleaned: {error}") from error
        self._made.clear()
        self._there.clear()

    def _remove_made_folders(self, sftp: paramiko.SFTPClient) -> None:
        while self._made_folders and not sftp.listdir(self._made_folders[-1]):
            sftp.rmdir(self._made_folders.pop())

    def _has(self, path: str, content: Content) -> bool:
        """Whether the host has this content already."""
        with self._connection.translated(f"the inspection of {path}"):
            found = status(self._connection.sftp(), path)
            if found is None or found.st_size != content.size:
                return False
            if not self._is_exact and self._remembered_digest(path) != content.sha256:
                return False
        return self._tool is None or self._sum_there(self._tool, path) == self._tool.expected(content)

    @property
    def _is_exact(self) -> bool:
        """Whether the host itself can tell one content from all others."""
        return self._tool is not None and self._tool.exact

    def _upload(self, path: str, stream: IO[bytes], content: Content, mode: int) -> None:
        temporary = _temporary(path)
        with self._connection.translated(f"the upload of {posixpath.basename(path)}"):
            sftp = self._connection.sftp()
            try:
                _write(sftp, temporary, stream, mode)
                self._verify(sftp, temporary, content)
                self._rename(sftp, temporary, path, content.size)
            except OSError as error:
                if not self._connection.refused(error):
                    raise
                raise self._refused(sftp, temporary, path, content.size, error) from error

    def _verify(self, sftp: paramiko.SFTPClient, temporary: str, content: Content) -> None:
        there = sftp.stat(temporary).st_size
        if there != content.size:
            raise OSError(f"{there} of {content.size} bytes arrived")
        if self._tool and self._sum_there(self._tool, temporary) != self._tool.expected(content):
            raise OSError("the host has read back other bytes than were sent")

    def _sum_there(self, tool: ChecksumTool, path: str) -> str:
        # As its input: what a tool writes of a file's name, and how, is its own business.
        said = self._connection.run(["sh", "-c", 'exec "$@" <"$0"', path, *tool.words], _HASH_SECONDS)
        found = tool.find(said.output)
        if said.status or not found:
            words = shlex.join([*tool.words, path])
            raise BenchError(f"{self._connection.name}: {words} failed: {said.output.strip()}")
        return found

    def _rename(self, sftp: paramiko.SFTPClient, temporary: str, path: str, size: int) -> None:
        if not replace(sftp, temporary, path):
            self._say(f"no atomic rename on this server: {path} was removed and then renamed")
        # Otherwise qvm would refuse the file that is missing, or read an old one.
        if status(sftp, temporary) is not None or sftp.stat(path).st_size != size:
            raise OSError(f"the server says that {posixpath.basename(temporary)} was renamed, and it was not")

    def _refused(self, sftp: paramiko.SFTPClient, temporary: str, path: str, size: int, error: OSError) -> BenchError:
        """An error that shows what the host itself says: SFTP has no word for a full disk."""
        run = self._connection.run
        try:
            # A little more of what there is already: the shell or the kernel says why that is not possible.
            more = run(["sh", "-c", 'dd if=/dev/zero bs=1024 count=64 >>"$0"', temporary], _COMMAND_SECONDS)
            disk = run(["df", "-k", self.path], _COMMAND_SECONDS)
        finally:
            with contextlib.suppress(OSError):  # the reason to be told is the first
                remove(sftp, temporary)
        reasons = [str(error)] if more.status == 0 else [str(error), *more.output.strip().splitlines()[:1]]
        lines = "\n".join(f"  | {line}" for line in disk.output.strip().splitlines())
        return BenchError(
            f"{self._connection.name}: {path} ({size} bytes) could not be written: {'; '.join(reasons)}\n{lines}",
            remedy=f"make room on the host, or name another folder than {self.path} in the target file",
        )

    def _remember_digest(self, path: str, digest: str) -> None:
        """Note what was uploaded in a file next to it, for a host without a tool for SHA-256."""
        if not self._is_exact:
            note = _note(path)
            with self._connection.translated(f"the upload of {note}"), self._connection.sftp().open(note, "w") as file:
                file.write(digest)

    def _remembered_digest(self, path: str) -> str:
        try:
            with self._connection.sftp().open(_note(path), "r") as file:
                return file.read().decode("ascii", "replace").strip()
        except FileNotFoundError:
            return ""


def _must_be_writable(sftp: paramiko.SFTPClient, folder: str) -> None:
    """Raise OSError where no file can be made in the folder: it may be another account's."""
    path = _temporary(posixpath.join(folder, "folder"))
    sftp.open(path, "w").close()
    sftp.remove(path)


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
