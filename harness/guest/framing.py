# SPDX-License-Identifier: Apache-2.0
"""Frames on the probe's console (docs/probe.md, "Frames"; the guest's side is targets/images/probe/core/frame.c).

A frame is one line of printable ASCII: ``@KIND:SSSSSSSS:LLLL:CCCCCCCC:PAYLOAD~``. Sequence number, payload length and
CRC-32 are lower-case hex digits; the CRC covers ``KIND:SSSSSSSS:LLLL:`` and the payload. ``@`` occurs nowhere else in
a frame, so that a receiver that has lost its way starts again at the next one. The ``~`` keeps the guest from taking
the rest of a request that has lost its beginning for a command that a person typed.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from enum import Enum
from typing import Final

MAX_PAYLOAD: Final = 0xFFFF
_HEADER_SIZE: Final = 26
_HEADER: Final = re.compile(rb"@([QANH]):([0-9a-f]{8}):([0-9a-f]{4}):([0-9a-f]{8}):")
_LINE_ENDS: Final = b"\r\n"


class Kind(Enum):
    """What a frame is."""

    REQUEST = "Q"
    ANSWER = "A"
    REFUSAL = "N"
    """The guest received a damaged request."""
    HELLO = "H"
    """The probe has just started."""


@dataclass(frozen=True)
class Frame:
    """A frame whose checksum was right."""

    kind: Kind
    sequence: int
    payload: str


def _checksum(kind: str, sequence: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(f"{kind}:{sequence:08x}:{len(payload):04x}:".encode()))


def encode(frame: Frame) -> bytes:
    """The bytes of a frame with its line end.

    Raises ValueError when the payload is too long, is not printable ASCII, or has an ``@``.
    """
    if len(frame.payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload has at most {MAX_PAYLOAD} characters, this one {len(frame.payload)}")
    if not (frame.payload.isascii() and frame.payload.isprintable()) or "@" in frame.payload:
        raise ValueError(f"a payload is printable ASCII without @, not {frame.payload!r}")
    payload = frame.payload.encode("ascii")
    checksum = _checksum(frame.kind.value, frame.sequence, payload)
    return b"@%c:%08x:%04x:%08x:%s~\n" % (frame.kind.value.encode(), frame.sequence, len(payload), checksum, payload)


class Decoder:
    """Takes bytes as they come and gives out the frames among them.

    All other text on the line (echo, other programs' messages, damaged frames) is skipped. Line ends are ignored
    everywhere, because terminals and adapters break long lines; damage of any other kind costs the frame.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self.damaged = 0
        """How often something began like a frame and was none."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes, in their order."""
        frames: list[Frame] = []
        clean = data.translate(None, _LINE_ENDS)
        head, *beginnings = clean.split(b"@")
        self._extend(head, frames)
        for text in beginnings:
            self._drop()
            self._pending += b"@"
            self._extend(text, frames)
        return frames

    def _extend(self, text: bytes, frames: list[Frame]) -> None:
        """More bytes without an ``@``; they mean something only after one."""
        if not self._pending:
            return
        self._pending += text
        if len(self._pending) < _HEADER_SIZE:
            return
        header = _HEADER.match(self._pending)
        if not header:
            self._drop()
            return
        length = int(header[3], 16)
        if len(self._pending) < _HEADER_SIZE + length:
            return
        frame = _checked(header, bytes(self._pending[_HEADER_SIZE : _HEADER_SIZE + length]))
        if frame:
            frames.append(frame)
            self._pending.clear()
        else:
            self._drop()

    def _drop(self) -> None:
        self.damaged += bool(self._pending)
        self._pending.clear()


def _checked(header: re.Match[bytes], payload: bytes) -> Frame | None:
    kind, sequence = header[1].decode(), int(header[2], 16)
    if _checksum(kind, sequence, payload) != int(header[4], 16):
        return None
    try:
        return Frame(Kind(kind), sequence, payload.decode("ascii"))
    except UnicodeDecodeError:
        # Then the sender was no probe, and the checksum right by chance.
        return None
