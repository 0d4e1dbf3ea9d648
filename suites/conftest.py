# SPDX-License-Identifier: Apache-2.0
"""The plugins of the suites: benches, fixtures and the recorder; and what tests of several folders need."""

from __future__ import annotations

import pytest

from fixtures.bench import Bench

pytest_plugins = ["harness.report.recorder", "fixtures.plugin"]


@pytest.fixture
def takes_any_access(bench: Bench) -> None:
    """The test has a guest that loads and stores anywhere in its window."""
    if not bench.profile.takes_any_access:
        pytest.skip(f"profile of bench {bench.name}: accesses in a window may end qvm (detached_window, bad_access)")
