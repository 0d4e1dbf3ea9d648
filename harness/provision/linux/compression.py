# SPDX-License-Identifier: Apache-2.0
"""Decompresses what a distribution compresses: kernels and their modules, distinguished by their first bytes."""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_GZIP_AND_ZLIB: Final = 32 + zlib.MAX_WBITS


class DamagedError(Exception):
    """The data begin like a known format and go on like none."""


def decompressed(data: bytes) -> bytes | None:
    """The content, or None when the data begin like no format known here.

    What follows the end of the compressed data is left out: a kernel's payload has its size behind it. Raises
    DamagedError.
    """
    for magic, decompress in _FORMATS.items():
        if data.startswith(magic):
            try:
                return decompress(data)
            except (lzma.LZMAError, zlib.error, zstd.ZstdError, OSError, EOFError) as error:
                raise DamagedError(str(error)) from error
    return None


def _gzip(data: bytes) -> bytes:
    decompressor = zlib.decompressobj(_GZIP_AND_ZLIB)
    return _whole(decompressor.decompress(data), decompressor.eof)


def _bzip2(data: bytes) -> bytes:
    decompressor = bz2.BZ2Decompressor()
    return _whole(decompressor.decompress(data), decompressor.eof)


def _xz(data: bytes) -> bytes:
    decompressor = lzma.LZMADecompressor()
    return _whole(decompressor.decompress(data), decompressor.eof)


def _zstd(data: bytes) -> bytes:
    decompressor = zstd.ZstdDecompressor()
    return _whole(decompressor.decompress(data), decompressor.eof)


def _whole(content: bytes, complete: bool) -> bytes:
    if not complete:
        raise EOFError("it is truncated")
    return content


_FORMATS: Final[Mapping[bytes, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": _gzip,
    b"BZh": _bzip2,
    b"\xfd7zXZ\0": _xz,
    b"\x28\xb5\x2f\xfd": _zstd,
}
