# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin that writes which tests would run, and for which requirements, into the file REQUIREMENTS_TO."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.report.evidence import catalogue


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tests that this place would skip anyway are no evidence."""
    found = {
        item.nodeid: catalogue.requirements_of(item)
        for item in session.items
        if item.get_closest_marker("skip") is None
    }
    Path(os.environ["REQUIREMENTS_TO"]).write_text(json.dumps(found))
