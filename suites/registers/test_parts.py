# SPDX-License-Identifier: Apache-2.0
"""The factory page by loads of any width: each reads its part of what the whole registers read, in any state."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest
from harness.shmem import registers as reg

pytestmark = pytest.mark.only(guest_image=["probe"])

ROUNDS: Final = 3
STATES: Final = 8
LOADS: Final = 40
_END: Final = reg.FIND_OFFSET
"""What find and flags read is not documented."""
_WIDTHS: Final = (1, 2, 4, 4)
_PAGES: Final = (1, 2, 40, 5000, 20_000)
"""The larger ones have their place behind 4 GiB on most machines."""


def _change(random: Random, guest: Guest, number: int) -> None:
    """Anything that leaves the registers in another state."""
    match random.randrange(4):
        case 0:
            guest.request(b"/" * reg.NAME_SIZE, random.choice(_PAGES))
        case 1 if guest.attached:
            random.choice(guest.attached).detach()
        case _:
            guest.request(f"part{number}", random.choice(_PAGES))


@pytest.mark.usefixtures("any_width")
@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("SHM-PROF-05", "SHM-FACT-06")
def test_every_part_of_a_register_reads_its_bytes(deploy: Deploy, number: int) -> None:
    """After requests that succeed and that fail, with regions in all places of the window."""
    guest, _ = deploy("", "")
    random = Random(f"parts {number}")
    for state in range(STATES):
        _change(random, guest, state)
        words = (guest.read("factory", offset, 8) for offset in range(0, _END, 8))
        page = b"".join(word.to_bytes(8, "little") for word in words)
        for _ in range(LOADS):
            width = random.choice(_WIDTHS)
            # Half of them in the registers before the name.
            offset = random.randrange(0, random.choice((_END, reg.NAME_OFFSET)), width)
            seen = guest.read("factory", offset, width).to_bytes(width, "little")
            assert seen == page[offset : offset + width], f"{width} bytes at {offset:#x}, state {state}"
