# SPDX-License-Identifier: Apache-2.0
"""The registers of the factory page as bytes, those that are not documented too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fixtures.api import PageAccess
from fixtures.guest import Guest
from harness.shmem import registers as reg

END: Final = reg.FLAGS_OFFSET + 8
"""Of the registers, in whole loads of the widest kind."""


def whole_page(guest: Guest, width: int = 4) -> bytes:
    """All registers, by loads of this width."""
    return loaded(guest, [(offset, width) for offset in range(0, END, width)])


def loaded(guest: Guest, places: Iterable[tuple[int, int]], after: Iterable[PageAccess] = ()) -> bytes:
    """What loads of these offsets and widths see, one behind the other, ``after`` other accesses.

    The guest makes all of them at once. Its first device is meant.
    """
    loads = [PageAccess(offset, width) for offset, width in places]
    seen = guest.probe.access_factory(guest.device(0), [*after, *loads])
    values = zip(seen[len(seen) - len(loads) :], loads, strict=True)
    return b"".join(value.to_bytes(8, "little")[: load.width] for value, load in values)
