# SPDX-License-Identifier: Apache-2.0
"""Checksums of files on a host, by whatever tool it has, and the same of what is meant to be there."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_CHUNK_BYTES: Final = 1 << 20
_HEX_DIGITS: Final = 64
_ONES: Final = 0xFFFF_FFFF
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Content:
    """What is known of a file's bytes: their number, their SHA-256, and the CRC that ``cksum`` of POSIX says."""

    size: int
    sha256: str
    cksum: str


def content_of(stream: IO[bytes]) -> Content:
    """Of the rest of a stream."""
    digest, size, crc = hashlib.sha256(), 0, _ONES
    while data := stream.read(_CHUNK_BYTES):
        digest.update(data)
        size += len(data)
        crc = _cksum_step(data, crc)
    # POSIX: after the bytes comes their number, the lowest byte first, without zeros at the end.
    crc = _cksum_step(size.to_bytes((size.bit_length() + 7) // 8, "little"), crc)
    return Content(size, digest.hexdigest(), str(int(f"{crc:032b}"[::-1], 2)))


def _cksum_step(data: bytes, crc: int) -> int:
    """POSIX begins with the highest bit of a byte and zlib with the lowest, and zlib inverts before and after."""
    return zlib.crc32(data.translate(_MIRRORED), crc)


@dataclass(frozen=True)
class ChecksumTool:
    """A command that says the checksum of its standard input.

    ``find`` takes the sum from what it says, ``expected`` is what that must be. ``exact``: equal sums are equal
    contents; others only show damage.
    """

    words: tuple[str, ...]
    find: Callable[[str], str]
    expected: Callable[[Content], str]
    exact: bool


def _hexadecimal(said: str) -> str:
    return next((word for word in said.split() if len(word) == _HEX_DIGITS), "")


def _first(said: str) -> str:
    return next(iter(said.split()), "")


def _sha256(content: Content) -> str:
    return content.sha256


def _cksum(content: Content) -> str:
    return content.cksum


TOOLS: Final = (
    ChecksumTool(("sha256sum",), _hexadecimal, _sha256, exact=True),
    ChecksumTool(("openssl", "dgst", "-sha256"), _hexadecimal, _sha256, exact=True),
    ChecksumTool(("shasum", "-a", "256"), _hexadecimal, _sha256, exact=True),
    ChecksumTool(("digest", "-a", "sha256"), _hexadecimal, _sha256, exact=True),
    ChecksumTool(("cksum",), _first, _cksum, exact=False),
)
"""The best first."""


_contents: dict[tuple[str, int, int, int], Content] = {}
"""Of local files, as long as they do not change: an image is put on the host before every start of a guest."""


def content_of_file(source: Path) -> Content:
    """Of a local file."""
    status = source.stat()
    key = (str(source), status.st_ino, status.st_mtime_ns, status.st_size)
    if key not in _contents:
        with source.open("rb") as stream:
            _contents[key] = content_of(stream)
    return _contents[key]
