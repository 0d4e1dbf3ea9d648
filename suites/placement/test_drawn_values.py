# SPDX-License-Identifier: Apache-2.0
"""Values of ``loc`` and ``intr`` from all that can be written: qvm refuses one, or the device is what it says.

Which values a machine has room for is its own matter, so both are right. Wrong is a device at another place or line: of
a value that was rounded, that lost its upper bits, or that means another controller.
"""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from fixtures.api import GuestEndedError
from fixtures.attempts import Try
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from harness.shmem.registers import PAGE_SIZE, SIGNATURE, VECTOR_OFFSET

pytestmark = [pytest.mark.only(guest_image=["probe"], placement=["mmio"]), pytest.mark.drawn]

ROUNDS: Final = 4
_BITS: Final = 64
_WIDTHS: Final = (5, 8, 10, 16, 31, 32, 63, 64)
"""Bits of a number that may be all that a machine looks at."""
_NO_NUMBER: Final = 1 << _BITS
"""From here on no register holds it."""
_NO_CONTROLLERS: Final = ("nothing", "gicx", "pci", "0")
_NO_LINE: Final = (1 << 16) - 1


def addresses(random: Random, place: int) -> list[int]:
    """A place, and what differs from it in one bit within the page, in one above it, and by more than any memory."""
    within, above = random.randrange(PAGE_SIZE.bit_length() - 1), random.randrange(PAGE_SIZE.bit_length() - 1, _BITS)
    beyond = random.choice([place + (1 << width) for width in _WIDTHS if width >= _WIDTHS[-3]])
    return [place, place + random.choice((1 << within, PAGE_SIZE - 1, PAGE_SIZE // 2)), place ^ 1 << above, beyond]


def lines(random: Random, line: int) -> list[int]:
    """A line, a number whose lower bits are those of it, and others from none to more than any controller has."""
    return [line, line + (1 << random.choice(_WIDTHS)), random.randrange(1 << random.randint(0, 10)), _NO_LINE]


def read(start_guests: Deploy, options: str, address: int, width: int) -> int | None:
    """What a guest whose device has these options reads at an address of its memory; None if it ends after all."""
    try:
        guests = start_guests(options)
    except GuestEndedError:
        return None
    return guests[0].load("phys", address, width)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("SHM-MMIO-01")
def test_a_device_is_at_the_address_that_is_written_or_not_at_all(
    start_guests: Deploy, attempt: Try, bench: Bench, number: int
) -> None:
    """Whatever address that is."""
    random = Random(f"addresses {number}")
    place = random.choice(bench.config.mmio)
    for address in addresses(random, place.loc):
        options = f"loc {address:#x} intr {place.intr}"
        refused = attempt(f"vdev shmem {options}\n").status is not None
        there = not refused and address < _NO_NUMBER and read(start_guests, options, address, 8) == SIGNATURE
        assert refused or there, f"accepted, and not there: {options}"


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("SHM-MMIO-03")
def test_a_device_has_the_line_that_is_written_or_there_is_none(
    start_guests: Deploy, attempt: Try, bench: Bench, number: int
) -> None:
    """Whatever number that is. A controller that the guest does not have has no lines."""
    random = Random(f"lines {number}")
    place = random.choice(bench.config.mmio)
    controller = place.intr.rpartition(":")[0]
    for line in lines(random, place.line):
        options = f"loc {place.loc:#x} intr {controller}:{line}"
        refused = attempt(f"vdev shmem {options}\n").status is not None
        vector = place.loc + VECTOR_OFFSET
        is_its = not refused and line < _NO_NUMBER and read(start_guests, options, vector, 4) == line
        assert refused or is_its, f"accepted, with another line: {options}"
    strange = f"vdev shmem loc {place.loc:#x} intr {random.choice(_NO_CONTROLLERS)}:{place.line}\n"
    assert attempt(strange).status is not None, f"accepted:\n{strange}"
