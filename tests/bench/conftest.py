# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.mini_suite import MiniSuite


@pytest.fixture
def mini(tmp_path: Path) -> MiniSuite:
    """A small suite of its own in a folder of its own, run by a real pytest process."""
    return MiniSuite(tmp_path)
