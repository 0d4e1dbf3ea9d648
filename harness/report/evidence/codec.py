# SPDX-License-Identifier: Apache-2.0
"""Records of a report as JSON values and back, with errors of a report; and text that every file of it takes.

Names of regions and files are bytes. Those that are no UTF-8 are surrogates in Python's text, which no file takes.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

from harness.report.evidence.model import ReportError
from harness.structured import StructureError, structure, unstructure

T = TypeVar("T")

encode = unstructure


def decode(cls: type[T], data: object, where: str) -> T:
    """A record from JSON ``data``; ``where`` names it in errors. Raises ReportError when the data are not one."""
    try:
        made: T = structure(data, cls, where)
    except StructureError as error:
        raise ReportError(str(error)) from None
    return made


_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_BYTES: Final = range(0xDC80, 0xDD00)


def legible(text: str) -> str:
    """The text with escapes in the place of what no file takes: ``\\xe4`` for a byte, ``\\ud800`` for any other."""
    return _SURROGATE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if code in _BYTES else f"\\u{code:04x}"


def legible_values(value: object) -> object:
    """The same for all texts in JSON values."""
    match value:
        case str():
            return legible(value)
        case list():
            return [legible_values(one) for one in value]
        case dict():
            return {legible(str(key)): legible_values(one) for key, one in value.items()}
        case _:
            return value
