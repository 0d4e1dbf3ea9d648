# SPDX-License-Identifier: Apache-2.0
"""The registers of the factory page as bytes, those that are not documented too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fixtures.api import PageAccess
from fixtures.guest import Guest
from harness.shmem import registers as reg
from harness.shmem.status import Status

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


def announced(guest: Guest, name: str, pages: int) -> range | None:
    """The addresses of a region that the selected device has been asked for; the guest need not map them for that.

    None when the request is refused.
    """
    for offset, byte in enumerate(f"{name}\0".encode(), start=reg.NAME_OFFSET):
        guest.write("factory", offset, 1, byte)
    guest.write("factory", reg.SIZE_OFFSET, 4, pages)
    factory = guest.registers()
    if factory.status != Status.OK:
        return None
    return range(factory.shmem, factory.shmem + (1 + factory.size) * reg.PAGE_SIZE)
