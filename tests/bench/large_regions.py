# SPDX-License-Identifier: Apache-2.0
"""A plugin: devices of guests with several refuse large regions, each in the way that ``--large-regions`` names.

They say that there is no room, or that it is not permitted, or nobody is in any region afterwards.
"""

from __future__ import annotations

from typing import Final

import pytest

from fixtures.guest import Answer, Guest, Region
from harness.shmem.status import Status

LARGE: Final = 1000
"""Pages."""


def _nobody(region: Region) -> set[int]:
    del region
    return set()


def pytest_addoption(parser: pytest.Parser) -> None:
    """How large regions are refused."""
    parser.addoption("--large-regions", choices=["no-room", "no-permission", "others-lost"])


def pytest_configure(config: pytest.Config) -> None:
    """Put the refusal in the place of the answer to a request of the second device."""
    request = Guest.request

    def refusing(guest: Guest, name: str | bytes, pages: int = 1, *, vdev: int = 0) -> Answer:
        if pages < LARGE or not vdev:
            return request(guest, name, pages, vdev=vdev)
        if config.option.large_regions == "others-lost":
            Region.members = _nobody  # type: ignore[method-assign, assignment]
        return Answer(Status.NO_PERMISSION if config.option.large_regions == "no-permission" else Status.NOMEM, None)

    Guest.request = refusing  # type: ignore[method-assign, assignment]
