# SPDX-License-Identifier: Apache-2.0
"""Runs only those tests of a session that an earlier run left to be tried again (``harness qualify --rerun``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from harness.errors import UsageError
from harness.process.command import reason

RERUN: Final = "rerun-of-some-tests"
"""The name of the plugin."""


class OnlyThese:
    """Takes all other tests away. ``wanted`` is a file with a list of node ids, in JSON.

    Raises UsageError for a file that has none.
    """

    def __init__(self, wanted: Path) -> None:
        self._wanted = frozenset(_read(wanted))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what is wanted."""
        items[:] = [item for item in items if item.nodeid in self._wanted]


def _read(path: Path) -> list[str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = reason(error)
    except (ValueError, RecursionError):
        why = "it is not JSON"
    else:
        if isinstance(found, list) and all(isinstance(each, str) for each in found):
            return found
        why = "it is another kind of JSON"
    raise UsageError(
        f"--only-tests {path} cannot be used: {why}",
        remedy='name a file with a list of node ids in JSON, like ["test_it.py::test_a"]',
    )
