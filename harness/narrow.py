# SPDX-License-Identifier: Apache-2.0
"""Values whose kind the code knows and the type checker does not.

An ``assert`` says so too, but the interpreter drops it with -O; these are checked in every mode.
"""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """The value, which is not None. Raises TypeError if it is: a mistake in the code that calls this."""
    if value is None:
        raise TypeError("a required value is missing")
    return value


def instance(kind: type[T], value: object) -> T:
    """The value, which is a ``kind``. Raises TypeError if it is not: a mistake in the code that calls this."""
    if not isinstance(value, kind):
        raise TypeError(f"expected a {kind.__name__}, got a {type(value).__name__}")
    return value
