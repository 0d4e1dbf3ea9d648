# SPDX-License-Identifier: Apache-2.0
"""What a bad cable, a chatty kernel and a slow adapter do to the bytes of a serial line."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LONGEST_PIECE: Final = 7
_MESSAGES: Final = (
    b"[   12.345678] random: crng init done\r\n",
    b"[   13.000001] eth0: link becomes ready\r\n",
    b"\r\n# login: Password: incorrect $ ~ # root@board:~# ",
    b"io-pkt-v6-hc: vtnet0 UP\n",
)
"""Kernel messages, and text that looks like the patterns that the strategy waits for."""


@dataclass(frozen=True)
class Disturbance:
    """How a line is disturbed. The figures are chances per byte, from 0 to 1.

    ``lost``: the byte does not arrive. ``garbage``: a random byte comes before it. ``messages``: a kernel message comes
    before it. ``pieces``: bytes arrive a few at a time. ``echo``: what is sent to the board comes back. ``both_ways``:
    what is sent to the board suffers losses and garbage too.
    """

    lost: float = 0.0
    garbage: float = 0.0
    messages: float = 0.0
    pieces: bool = False
    echo: bool = False
    both_ways: bool = False
    seed: int = 0


class Disturber:
    """Applies a disturbance; the same seed and bytes give the same damage."""

    def __init__(self, disturbance: Disturbance) -> None:
        self.disturbance = disturbance
        self._random = random.Random(disturbance.seed)

    def to_lab(self, data: bytes) -> list[bytes]:
        """The pieces in which ``data`` of the board arrives."""
        damaged = self._damaged(data, self.disturbance.messages)
        return list(self._cut(damaged)) if self.disturbance.pieces else [damaged]

    def to_board(self, data: bytes) -> bytes:
        """What the board gets of ``data``."""
        return self._damaged(data, 0.0) if self.disturbance.both_ways else data

    def _damaged(self, data: bytes, messages: float) -> bytes:
        chance, disturbance = self._random.random, self.disturbance
        if not (messages or disturbance.garbage or disturbance.lost):
            return data
        damaged = bytearray()
        for byte in data:
            if chance() < messages:
                damaged += self._random.choice(_MESSAGES)
            if chance() < disturbance.garbage:
                damaged.append(self._random.randrange(256))
            if chance() >= disturbance.lost:
                damaged.append(byte)
        return bytes(damaged)

    def _cut(self, data: bytes) -> Iterator[bytes]:
        start = 0
        while start < len(data):
            end = start + self._random.randint(1, _LONGEST_PIECE)
            yield data[start:end]
            start = end
