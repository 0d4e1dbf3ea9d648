# SPDX-License-Identifier: Apache-2.0
"""Long lists in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def few(names: Sequence[str], most: int, between: str = ", ") -> str:
    """The first ``most`` of the names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{between.join(names[:most])}{more}"
