# SPDX-License-Identifier: Apache-2.0
"""What a single value may be: each function has a complaint in words, or an empty text for a value that is right."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_LABEL: Final = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")
_NAME: Final = re.compile(r"[A-Za-z0-9_][\w.+-]*")
_INTERRUPT: Final = re.compile(r"[^:\s]+:(0x[0-9a-fA-F]+|0|[1-9][0-9]*)")
_PORT_BEHIND: Final = re.compile(r"[^:]*:\d*|\[.*\]:\d*")
_LONGEST_NAME: Final = 64


def host(text: str) -> str:
    """The name or the address of a host, and nothing else."""
    if "://" in text:
        return "a name or an address of a host, without the protocol"
    if "@" in text:
        return "a name or an address of a host alone; the account is the argument username"
    if _is_address(text):
        return ""
    if text.startswith("[") and text.endswith("]"):
        return "an address of IP version 6 without brackets"
    if _PORT_BEHIND.fullmatch(text):
        return "a name or an address of a host alone; the port is the argument port"
    labels = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return "a name or an address of a host"
    if labels[-1].isdigit():
        return "an address of four numbers up to 255"
    return ""


def guest_address(text: str) -> str:
    """An address with, or without, the number of bits of its network."""
    address, slash, bits = text.partition("/")
    if slash and not (bits.isdecimal() and int(bits[:4]) <= 128 and _is_address(address)):
        return "ADDRESS or ADDRESS/BITS"
    return "" if address and not host(address) else "ADDRESS or ADDRESS/BITS"


def account(text: str) -> str:
    """The name of an account."""
    return "the name of an account" if not text or re.search(r"[\s@:/]", text) else ""


def target_name(text: str) -> str:
    """The name of a target: it names a folder of the report, and is an argument of --bench."""
    if _NAME.fullmatch(text) and len(text) <= _LONGEST_NAME:
        return ""
    return f"letters, digits and . _ + -, at most {_LONGEST_NAME}, a letter or a digit first"


def interrupt(text: str) -> str:
    """The line of an interrupt controller."""
    return "" if _INTERRUPT.fullmatch(text) else "PIC:LINE, the number of the line without zeros in front"


def pattern(text: str, *, group: bool = False) -> str:
    """A regular expression that something has to match; with ``group``, what its first group matches counts."""
    try:
        compiled = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        return f"a regular expression; this is not one: {error}"
    if compiled.match(""):
        return "a regular expression that does not match an empty text, as that matches everything"
    if group and not compiled.groups:
        return "a regular expression with a group (...) around what is looked for"
    return ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
