# SPDX-License-Identifier: Apache-2.0
"""What lies behind the registers on both pages: no register of a known release, and none of those before it again."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from fixtures.deployment import Deploy
from harness.shmem import registers as reg
from suites.registers.page import END, whole_page

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.usefixtures("any_width")]

_WIDTHS: Final = (1, 2, 4, 8)
_DRAWN: Final = 40
_PAGES: Final = (1, 40, 5000)
"""The largest has its place behind 4 GiB on most machines."""


def _places(random: Random, end: int) -> list[tuple[int, int]]:
    """Offsets and widths from ``end`` on: words that are registers by their lower bits alone, and drawn ones."""
    mirrors = [(1 << bit | at, 4) for bit in range((end - 1).bit_length(), 12) for at in range(0, end, 4)]
    widths = random.choices(_WIDTHS, k=_DRAWN)
    drawn = [(random.randrange(-(-end // width) * width, reg.PAGE_SIZE, width), width) for width in widths]
    return random.sample(mirrors + drawn, k=len(mirrors) + _DRAWN)


@pytest.mark.every_release
@pytest.mark.requirement("SHM-PROF-05", "SHM-FACT-03")
def test_nothing_is_behind_the_registers_of_the_factory_page(deploy: Deploy) -> None:
    """Loads return zeros, and stores change no register, where a request would succeed."""
    guest, _ = deploy("", "")
    random = Random("factory page")
    # Whatever comes of it, the name has bytes behind the NUL.
    guest.request(b"/" * reg.NAME_SIZE, 2)
    for place, byte in enumerate(b"rest\0"):
        guest.write("factory", reg.NAME_OFFSET + place, 1, byte)
    before, registers = whole_page(guest), guest.registers()
    for offset, width in _places(random, END):
        what = f"{width} bytes at {offset:#x}"
        assert guest.read("factory", offset, width) == 0, what
        guest.write("factory", offset, width, random.choice((1, (1 << 8 * width) - 1)))
        assert guest.read("factory", offset, width) == 0, what
        assert guest.registers() == registers, what
    assert whole_page(guest) == before


@pytest.mark.requirement("SHM-PROF-05", "SHM-NOTIF-01", "SHM-LIFE-01")
@pytest.mark.parametrize("pages", _PAGES, ids="{} pages".format)
def test_nothing_is_behind_the_registers_of_the_control_page(deploy: Deploy, pages: int) -> None:
    """Loads return zeros and take no signal, stores signal nobody, leave nothing and reach no data."""
    guest, peer = deploy("", "")
    random = Random(f"control page {pages}")
    theirs, ours = peer.attach("rest", pages), guest.attach("rest")
    for region in (theirs, ours):
        region.pending()
    # What a new region reads is another matter.
    written = random.randbytes(reg.PAGE_SIZE)
    theirs.poke(0, written)
    theirs.signal(ours.index)
    for offset, width in _places(random, reg.CONTROL_END):
        what = f"{width} bytes at {offset:#x}"
        assert ours.load(offset, width) == 0, what
        ours.store(offset, random.choice((1 << theirs.index, (1 << 8 * width) - 1)), width)
        assert ours.load(offset, width) == 0, what
        heard = theirs.heard()
        assert (heard.pending, heard.members) == (set(), {theirs.index, ours.index}), what
    heard = ours.heard()
    assert (heard.pending, heard.members) == ({theirs.index}, {theirs.index, ours.index})
    assert ours.peek(0, reg.PAGE_SIZE) == written
