# SPDX-License-Identifier: Apache-2.0
"""Results of a request, as the factory page's ``status`` register holds them (``guest_shm.h``, 2018 edition)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Status(IntEnum):
    """Result of a create-or-attach or find request. The 2016 edition of the header ends with ILLEGAL_NAME.

    A device may show any other number as well: that is a status of its own, which is equal to none of these.
    """

    OK = 0
    UNKNOWN_FAILURE = 1
    NOMEM = 2
    CLIENT_MAX = 3
    ILLEGAL_NAME = 4
    NO_PERMISSION = 5
    DOES_NOT_EXIST = 6

    @classmethod
    def _missing_(cls, value: object) -> Status | None:
        if not isinstance(value, int):
            return None
        unknown = int.__new__(cls, value)
        unknown._name_ = f"status {value:#x}, which is not documented"
        unknown._value_ = value
        return unknown


NO_ROOM: Final = (Status.NOMEM, Status.UNKNOWN_FAILURE)
"""What a device may say that has no room for a region; no document names the status."""
