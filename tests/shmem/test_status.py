# SPDX-License-Identifier: Apache-2.0
"""The status register may show any number."""

from __future__ import annotations

import pytest

from harness.shmem.status import Status


@pytest.mark.parametrize("number", [7, 255, 0xFFFF_FFFF])
def test_a_number_that_nobody_knows_is_no_documented_status(number: int) -> None:
    """It can be compared and named like the others, so that a test finds it and does not break."""
    status = Status(number)
    assert status not in list(Status)
    assert (status.value, f"{number:#x}" in status.name) == (number, True)
