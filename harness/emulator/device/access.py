# SPDX-License-Identifier: Apache-2.0
"""Which accesses reach a register (SHM-OPEN-17)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.shmem import registers as reg
from harness.shmem.profile import Profile


class BadAccess(Exception):
    """An access that ends qvm (status 6, "unexpected vdev error")."""


def reaches(page: Sequence[reg.Register], offset: int, length: int, profile: Profile) -> bool:
    """Whether an access of ``length`` bytes at ``offset`` of a register page has its effect.

    Raises BadAccess when it has none and the profile says that qvm ends.
    """
    if _is_good(page, offset, length, profile):
        return True
    if profile.bad_access == "qvm-exit":
        raise BadAccess(f"access of {length} bytes at offset {offset:#x}")
    return False


def _is_good(page: Sequence[reg.Register], offset: int, length: int, profile: Profile) -> bool:
    if profile.access_widths == "any":
        return True
    aligned = length in (1, 2, 4, 8) and offset % length == 0
    if profile.access_widths == "power-of-two":
        return aligned
    return aligned and any(_is_natural(register, offset, length) for register in page)


def _is_natural(register: reg.Register, offset: int, length: int) -> bool:
    if not register.offset <= offset < register.offset + register.width:
        return False
    if register.name == "name":
        return length in (1, 4)
    return length == register.width or (register.width == 8 and length == 4)
