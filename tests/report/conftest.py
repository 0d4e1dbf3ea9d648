# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.report import recorded_suite


@pytest.fixture(scope="session")
def make_suite(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], recorded_suite.Suite]:
    """Makes a suite from the source of its tests, in a folder of its own."""
    return lambda source: recorded_suite.make(tmp_path_factory.mktemp("suite"), source)
