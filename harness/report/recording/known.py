# SPDX-License-Identifier: Apache-2.0
"""Known failures: ``@pytest.mark.known_failure(reason=..., link=..., expires="2027-01-31", bench=...)``.

A known failure is carried through the report with its link and does not fail the run, until the day after ``expires``.
``bench`` is optional and limits it to one bench. There is no way to accept a failure for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from harness.report.evidence.model import KnownFailure

MARKER = "known_failure"
_REQUIRED = ("reason", "link", "expires")


def known_failure(item: pytest.Item, bench: str, today: date) -> KnownFailure | None:
    """The known failure that an item is marked with on ``bench``, or None."""
    for mark in item.iter_markers(MARKER):
        if mark.kwargs.get("bench", bench) == bench:
            return _read(mark.kwargs, today)
    return None


def check(item: pytest.Item) -> None:
    """Raises pytest.UsageError when a marker of the item is not complete."""
    for mark in item.iter_markers(MARKER):
        missing = [name for name in _REQUIRED if not mark.kwargs.get(name)]
        unknown = sorted(set(mark.kwargs) - {*_REQUIRED, "bench"})
        if mark.args or missing or unknown:
            found = f"missing: {', '.join(missing)}" if missing else f"not understood: {mark.args or unknown}"
            raise pytest.UsageError(f"{item.nodeid}: known_failure needs reason, link and expires ({found})")
        try:
            date.fromisoformat(mark.kwargs["expires"])
        except (TypeError, ValueError) as error:
            raise pytest.UsageError(f"{item.nodeid}: known_failure expires: {error}; expected YYYY-MM-DD") from error


def _read(values: Mapping[str, Any], today: date) -> KnownFailure:
    expires = date.fromisoformat(values["expires"])
    return KnownFailure(values["reason"], values["link"], values["expires"], expired=today > expires)
