# SPDX-License-Identifier: Apache-2.0
"""What the probe writes when it fills a region (docs/probe.md, ``fill``)."""

from __future__ import annotations

from typing import Final

_MASK: Final = (1 << 64) - 1


def pattern(seed: int, offset: int, length: int) -> bytes:
    """The bytes that ``fill`` writes at ``offset`` of a region: the outputs of splitmix64 started with ``seed``."""
    first, last = offset // 8, (offset + length + 7) // 8
    words = b"".join(_pattern_word(seed, index).to_bytes(8, "little") for index in range(first, last))
    return words[offset - 8 * first :][:length]


def _pattern_word(seed: int, index: int) -> int:
    z = (seed + (index + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & _MASK
    return z ^ z >> 31
