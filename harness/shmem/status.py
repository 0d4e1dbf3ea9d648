# SPDX-License-Identifier: Apache-2.0
"""Results of a request, as the factory page's ``status`` register holds them (``guest_shm.h``, 2018 edition)."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Result of a create-or-attach or find request. The 2016 edition of the header ends with ILLEGAL_NAME."""

    OK = 0
    UNKNOWN_FAILURE = 1
    NOMEM = 2
    CLIENT_MAX = 3
    ILLEGAL_NAME = 4
    NO_PERMISSION = 5
    DOES_NOT_EXIST = 6
