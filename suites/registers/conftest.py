# SPDX-License-Identifier: Apache-2.0
"""What tests of several modules here need of a device."""

from __future__ import annotations

import pytest

from fixtures.bench import Bench


@pytest.fixture
def any_width(bench: Bench) -> None:
    """The test is for devices whose registers take accesses of other widths than their own."""
    if bench.profile.access_widths == "natural":
        pytest.skip(f"profile of bench {bench.name}: registers take accesses of their own width (access_widths)")
