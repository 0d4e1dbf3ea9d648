# SPDX-License-Identifier: Apache-2.0
"""The registers of the factory page as bytes, those that are not documented too."""

from __future__ import annotations

from typing import Final

from fixtures.guest import Guest
from harness.shmem import registers as reg

END: Final = reg.FLAGS_OFFSET + 8
"""Of the registers, in whole loads of the widest kind."""


def whole_page(guest: Guest, width: int = 4) -> bytes:
    """All registers, by loads of this width."""
    return b"".join(guest.read("factory", offset, width).to_bytes(width, "little") for offset in range(0, END, width))
