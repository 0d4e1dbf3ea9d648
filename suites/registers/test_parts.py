# SPDX-License-Identifier: Apache-2.0
"""The factory page by loads and stores of any width: they are those to the registers, in parts or several at once."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

import pytest

from fixtures.api import PageAccess
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest
from harness.shmem import registers as reg
from suites.registers.page import END, loaded, whole_page

pytestmark = pytest.mark.only(guest_image=["probe"])

ROUNDS: Final = 3
STATES: Final = 8
LOADS: Final = 40
NARROW: Final = 30
REQUESTS: Final = 40
_WIDTHS: Final = (1, 2, 4, 8)
_PAGES: Final = (1, 2, 40, 5000, 20_000)
"""The larger ones have their place behind 4 GiB on most machines."""


def _flags(bench: Bench) -> int:
    """The bits of flags that may be anything: others may be refused."""
    return 0o666 if bench.profile.flags_unknown_bits == "refused" else 0xFFFF_FFFF


def _change(random: Random, guest: Guest, number: int, flags: int) -> None:
    """Anything that leaves the registers in another state."""
    match random.randrange(5):
        case 0:
            guest.request(b"/" * reg.NAME_SIZE, random.choice(_PAGES))
        case 1:
            _find_nothing(guest, random, flags)
        case 2 if guest.attached:
            random.choice(guest.attached).detach()
        case _:
            guest.request(f"part{number}", random.choice(_PAGES))


def _find_nothing(guest: Guest, random: Random, flags: int) -> None:
    """Leave something in the last registers. A region of such a number is never there."""
    guest.write("factory", reg.FLAGS_OFFSET, 4, random.getrandbits(32) & flags)
    guest.write("factory", reg.FIND_OFFSET, 4, random.getrandbits(32) | 1 << 31)


@pytest.mark.usefixtures("any_width")
@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("SHM-PROF-05", "SHM-FACT-06")
def test_every_part_of_a_register_reads_its_bytes(deploy: Deploy, bench: Bench, number: int) -> None:
    """After requests that succeed and that fail, with regions in all places of the window."""
    guest, _ = deploy("", "")
    random = Random(f"parts {number}")
    for state in range(STATES):
        _change(random, guest, state, _flags(bench))
        places = [_place(random) for _ in range(LOADS)]
        seen, page = loaded(guest, places), whole_page(guest)
        for offset, width in places:
            part, seen = seen[:width], seen[width:]
            assert part == page[offset : offset + width], f"{width} bytes at {offset:#x}, state {state}"


def _place(random: Random) -> tuple[int, int]:
    """Offset and width of a load; half of them are in the registers before the name."""
    width = random.choice(_WIDTHS)
    return random.randrange(0, random.choice((END, reg.NAME_OFFSET)), width), width


def _store(offset: int, data: bytes) -> PageAccess:
    return PageAccess(offset, len(data), int.from_bytes(data, "little"))


def _registers(random: Random, guest: Guest, store: PageAccess) -> tuple[bytes, int]:
    """All registers after a store, in any order, the two halves of an address as well, with no load of the whole
    before; and then the address, by one load."""
    narrow = [(at, 4) for at in range(reg.SHMEM_OFFSET, reg.SIZE_OFFSET, 4)]
    wide = [(at, 8) for at in range(0, END, 8) if not reg.SHMEM_OFFSET <= at < reg.SIZE_OFFSET]
    loads = random.sample([*narrow, *wide], k=len(narrow) + len(wide))
    data, seen = loaded(guest, [*loads, (reg.SHMEM_OFFSET, 8)], [store]), {}
    for at, width in loads:
        seen[at], data = data[:width], data[width:]
    return b"".join(seen[at] for at in sorted(seen)), int.from_bytes(data, "little")


def _drawn_bytes(random: Random) -> bytes:
    """Of all registers: pages, a short name, a number that exists or does not, permissions."""
    name = bytes(random.choices(b"ab\0", weights=(2, 2, 1), k=reg.NAME_SIZE))
    words = (random.choice((0, *_PAGES)), random.randrange(3), random.choice((0, 0o600, 0o640, 0o666)))
    size, find, flags = (word.to_bytes(4, "little") for word in words)
    return bytes(reg.SIZE_OFFSET) + size + name + find + flags + bytes(4)


def _drawn_stores(random: Random) -> list[tuple[int, int]]:
    """Offsets and widths: all of the wide ones, some of the narrow ones, and again and again those that request."""
    wide, narrow = ([(at, width) for width in widths for at in range(0, END, width)] for widths in ((4, 8), (1, 2)))
    requests = [store for store in wide if any(_is_in(at, store) for at in (reg.SIZE_OFFSET, reg.FIND_OFFSET))]
    stores = [*wide, *random.sample(narrow, k=NARROW), *random.choices(requests, k=REQUESTS)]
    return random.sample(stores, k=len(stores))


def _is_in(register: int, store: tuple[int, int]) -> bool:
    offset, width = store
    return offset <= register and register + 4 <= offset + width


def _to_whole_registers(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """The stores to one register each that are the same as one of ``data``: what makes a request comes last.

    A register other than the name takes a store only when all of it is covered.
    """
    for at in range(max(offset, reg.NAME_OFFSET), min(offset + len(data), reg.FIND_OFFSET)):
        yield at, data[at - offset : at - offset + 1]
    for at in (reg.FLAGS_OFFSET, reg.SIZE_OFFSET, reg.FIND_OFFSET):
        if _is_in(at, (offset, len(data))):
            yield at, data[at - offset : at - offset + 4]


@pytest.mark.usefixtures("any_width")
@pytest.mark.every_release
@pytest.mark.requirement("SHM-PROF-05", "SHM-FACT-06")
def test_a_store_of_any_width_is_one_to_each_register(deploy: Deploy, bench: Bench) -> None:
    """One guest stores across the registers, and another one the same to each: all registers are alike after each.

    Stores are of all widths and at all places, in a drawn order.
    """
    across, apart = deploy("", "")
    random, shmem = Random("stores"), slice(reg.SHMEM_OFFSET, reg.SHMEM_OFFSET + 8)
    for guest in (across, apart):
        # As other tests have left them, they differ; a request that fails may leave the size of one that succeeded.
        guest.attach("alike").detach()
        guest.request(b"/" * reg.NAME_SIZE)
        _find_nothing(guest, Random("as the other"), _flags(bench))
    for offset, width in _drawn_stores(random):
        data = _drawn_bytes(random)[offset : offset + width]
        seen, address = _registers(random, across, _store(offset, data))
        stores = [_store(at, part) for at, part in _to_whole_registers(offset, data)]
        expected = loaded(apart, [(at, 8) for at in range(0, END, 8)], stores)
        what = f"{data!r} at {offset:#x}"
        assert int.from_bytes(seen[shmem], "little") == address, what
        # The two have their windows at places of their own.
        for page in (slice(reg.SHMEM_OFFSET), slice(shmem.stop, END)):
            assert seen[page] == expected[page], what
