# SPDX-License-Identifier: Apache-2.0
"""Runs only those tests of a session that an earlier run left to be tried again (``harness qualify --rerun``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

RERUN: Final = "rerun-of-some-tests"
"""The name of the plugin."""


class OnlyThese:
    """Takes all other tests away. ``wanted`` is a file with a list of node ids, in JSON."""

    def __init__(self, wanted: Path) -> None:
        self._wanted = frozenset(json.loads(wanted.read_text(encoding="utf-8")))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what is wanted."""
        items[:] = [item for item in items if item.nodeid in self._wanted]
