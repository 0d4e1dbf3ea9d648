# SPDX-License-Identifier: Apache-2.0
"""Variables of the configuration language: ``$NAME``, ``${NAME}``, and the host's own such as ``$start{ram}``.

Where ``set NAME VALUE`` (8.0) gives a value, it takes the reference's place while the text is read. A reference that
nothing gives a value stays in the text as it is, and so does a ``${`` with something else behind it than a name and a
brace, which nothing can give a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from harness.shmem.config.numbers import two_readings

_REFERENCE: Final = re.compile(
    r"\$(?:\{(?P<braced>[A-Za-z_][\w.-]*)\}|(?P<bare>[A-Za-z_]\w*)(?P<of>\{[^{}]*\})?|\{[^${}]*\}?)", re.ASCII
)
_FIELDS: Final = re.compile(r"[,:=]")


def references(text: str) -> list[str]:
    """The variables that ``text`` refers to, as it writes them."""
    return [match[0] for match in _REFERENCE.finditer(text)] if "$" in text else []


def expand(text: str, value_of: Callable[[str], str | None]) -> str:
    """``text`` with the values of its variables; ``value_of`` is None for one that has none."""

    def value(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        found = None if match["of"] or not name else value_of(name)
        return match[0] if found is None else found

    return _REFERENCE.sub(value, text)


def is_open(text: str) -> bool:
    """Whether nothing here can know the value of ``text``: it has a variable, or a number with two readings."""
    return bool(references(text)) or any(two_readings(field) for field in _FIELDS.split(text))
