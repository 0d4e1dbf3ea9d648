# SPDX-License-Identifier: Apache-2.0
"""Numbers of the configuration language: ``0x`` hexadecimal, decimal or ``0d`` decimal, with a size letter."""

from __future__ import annotations

import re

from harness.shmem.config.errors import ConfigError, Position
from harness.shmem.config.words import show

_NUMBER = re.compile(r"(?:0[xX](?P<hex>[0-9a-fA-F]{1,64})|(?:0[dD])?(?P<dec>[0-9]{1,64}))(?P<unit>[kKmMgG]?)", re.ASCII)
_LEADING_ZERO = re.compile(r"0[0-9]+[kKmMgG]?", re.ASCII)
_OCTAL = re.compile(r"[0-7]{1,5}", re.ASCII)
_SHIFT = {"": 0, "k": 10, "m": 20, "g": 30}
_LIMIT = 1 << 64


def is_number(text: str) -> bool:
    """Whether ``text`` has the form of a number (its value may still be too large)."""
    return _NUMBER.fullmatch(text) is not None


def two_readings(text: str) -> bool:
    """Whether ``text`` is a number with a leading zero, which some readers take for octal, and that makes a difference.

    Neither reading is documented, so neither is guessed.
    """
    if _LEADING_ZERO.fullmatch(text) is None:
        return False
    digits = text.rstrip("kKmMgG").lstrip("0")
    return len(digits) > 1 or digits in ("8", "9")


def number(text: str, position: Position, what: str) -> int:
    """The value of ``text``, below 2**64. ``what`` names the number in the error."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"{what} is not a number", position, found=show(text), expected="a number such as 4096, 0x1000, 4k or 128M"
        )
    decimal = match["dec"]
    if two_readings(text):
        raise ConfigError(
            f"{what} has a leading zero",
            position,
            found=show(text),
            expected="a decimal number without leading zeros, or 0x",
        )
    digits = decimal if decimal is not None else match["hex"]
    value = int(digits, 10 if decimal is not None else 16) << _SHIFT[match["unit"].lower()]
    if value >= _LIMIT:
        raise ConfigError(f"{what} is too large", position, found=show(text), expected="a number below 2**64")
    return value


def permissions(text: str, position: Position, what: str) -> int:
    """Permission bits, always read as octal as chmod and umask do."""
    if _OCTAL.fullmatch(text) is None or int(text, 8) > 0o7777:
        raise ConfigError(
            f"{what} is not a set of permission bits",
            position,
            found=show(text),
            expected="an octal number such as 0640",
        )
    return int(text, 8)


def show_size(value: int) -> str:
    """``value`` in the shortest exact form with a size letter."""
    for unit in "gmk":
        if value and value % (1 << _SHIFT[unit]) == 0:
            return f"{value >> _SHIFT[unit]}{unit.upper()}"
    return str(value)
