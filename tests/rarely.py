# SPDX-License-Identifier: Apache-2.0
"""Parameters of which ``make test`` tries the first ones, and ``make test-long`` the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def first(count: int, parameters: Iterable[Any]) -> list[Any]:
    """The parameters, all but the first ``count`` marked as long."""
    return [
        parameter if number < count else pytest.param(parameter, marks=pytest.mark.long)
        for number, parameter in enumerate(parameters)
    ]
