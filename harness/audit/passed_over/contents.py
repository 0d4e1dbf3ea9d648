# SPDX-License-Identifier: Apache-2.0
"""The texts in a file: its own, or those of the files that are packed into it."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

HEAD: Final = 64 << 10
MOST_BYTES: Final = 4 << 20
MOST_MEMBERS: Final = 10_000
MOST_PACKED: Final = 256 << 20
"""Bytes of an archive that are gone through."""
_DEEPEST: Final = 3
"""Archives inside each other: a compressed archive of compressed files."""
_TAR_AT: Final = 257
_TAR: Final = b"ustar"
_ZIP: Final = b"PK\x03\x04"

_Open = Callable[[IO[bytes]], Any]
"""Returns a file to read; the classes of the library have no common type."""
_COMPRESSED: Final[tuple[tuple[bytes, _Open], ...]] = (
    (b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"\x5d\x00\x00", lzma.LZMAFile),
)
_UNKNOWN: Final = (b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x04\x22\x4d\x18")
"""How files of zstd, 7-Zip, RAR and LZ4 begin."""
_BROKEN: Final = (
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, lzma.LZMAError, tarfile.TarError,
    zipfile.BadZipFile,
)  # fmt: skip


class PackedError(Exception):
    """A packed file cannot be looked into; the text says why."""


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """The texts, with line ends of one kind, and where in an archive they are: empty for the file itself.

    Of a program or an image only the beginning. Raises PackedError, also behind the beginning of a text that is too
    long, and OSError.
    """
    with path.open("rb") as file:
        yield from _texts(file, "", 0)


def _texts(file: IO[bytes], where: str, depth: int) -> Iterator[tuple[str, str]]:
    head = file.read(HEAD)
    if head.startswith(_UNKNOWN):
        raise PackedError("it is packed in a way that is not known here")
    opened = next((opened for begin, opened in _COMPRESSED if head.startswith(begin)), None)
    is_tar = head[_TAR_AT:].startswith(_TAR)
    if depth == _DEEPEST or not (opened or is_tar or head.startswith(_ZIP)):
        wide = _wide(head)
        is_text = bool(wide) or b"\0" not in head
        yield where, _decoded(head + file.read(MOST_BYTES - HEAD) if is_text else head, wide)
        if is_text and file.read(1):
            raise PackedError(f"only its first {MOST_BYTES >> 20} MiB were, of {where or 'the file'}")
        return
    whole = io.BufferedReader(_Again(head, file))
    try:
        if opened:
            yield from _texts(opened(whole), where, depth + 1)
        else:
            yield from _members(whole if is_tar else io.BytesIO(whole.read(MOST_PACKED)), is_tar, where, depth)
    except _BROKEN as error:
        raise PackedError(f"it cannot be unpacked ({error or type(error).__name__})") from error


def _members(file: IO[bytes], is_tar: bool, where: str, depth: int) -> Iterator[tuple[str, str]]:
    """The files in an archive."""
    for number, (name, member) in enumerate(_of_tar(file) if is_tar else _of_zip(file)):
        if number == MOST_MEMBERS:
            raise PackedError(f"it has more than {MOST_MEMBERS:,} files")
        inside = f"{where}/{name}" if where else name
        yield from _texts(member, inside, depth + 1)


def _of_tar(file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            if member.offset_data + member.size > MOST_PACKED:
                raise PackedError(f"it has more than {MOST_PACKED >> 20} MiB")
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name, content


def _of_zip(file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                with archive.open(member) as content:
                    yield member.filename, content


class _Again(io.RawIOBase):
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self._head = head
        self._file = file

    def readable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def readinto(self, buffer: object) -> int:
        """See io.RawIOBase."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._head[: len(view)] or self._file.read(len(view))
        self._head = self._head[len(view) :]
        view[: len(data)] = data
        return len(data)


def _decoded(data: bytes, wide: str) -> str:
    text = data.decode(wide, "replace") if wide else data.decode("utf-8-sig", "surrogateescape")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _wide(head: bytes) -> str:
    """The encoding of a text with several bytes for a character, with a mark in front or, of two bytes, without.

    Empty for any other.
    """
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for at, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = head[at::2], head[1 - at :: 2]
        # Latin letters have a zero byte beside them, always on the same side.
        if len(head) > 1 and zeros.count(0) * 10 > len(zeros) * 9 and others.count(0) * 10 < len(others):
            return name
    return ""
