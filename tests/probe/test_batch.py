# SPDX-License-Identifier: Apache-2.0
"""Many steps in one command: the checksum is that of the values, and each step does what it says."""

from __future__ import annotations

import struct
import zlib

import pytest

from harness.guest.probe import Probe, ProbeError
from harness.shmem.registers import SIGNATURE
from tests.probe.pair import Pair

NOTHING = (1 << 64) - 1
FAULTED = NOTHING - 1


def batch(probe: Probe, *steps: str) -> list[int]:
    """The values of the steps, which the checksum of the answer has to be about."""
    answer = probe.command(f"batch {';'.join(steps)}")
    values = [int(value, 0) for value in probe.command("seen 0")["values"]]
    assert answer["steps"] == len(steps)
    assert answer["values"] == len(values)
    assert int(answer["crc32"], 0) == zlib.crc32(struct.pack(f"<{len(values)}Q", *values))
    return values


def test_two_guests_meet_in_a_region(pair: Pair) -> None:
    vector = pair.one.factory().vector
    assert batch(pair.one, "a,0,5,2,batch", "m,5,77", "n,5,2") == [0, 6, 2, vector, 0, 0x10000, 0, 0]
    joined = batch(pair.two, "a,0,3,9,batch", "c,3", "e,3", "r,2,3,1ff8,8")
    marks = [0x5EED << 48 | 0x77 << 24 | number for number in range(4)]
    assert joined[4:] == [1, 0x30000, 0x30000, 1, zlib.crc32(struct.pack("<4Q", *marks)), marks[3]]
    assert batch(pair.one, "n,5,2", "d,5,c,4,0", "l,5,1") == [0, 0, 0]
    assert batch(pair.two, "c,3") == [0x20001, 1]


def test_the_factory_page_and_a_name_of_any_bytes(pair: Pair) -> None:
    values = batch(pair.one, "t,0,b%2c%00%ff", "f,0")
    assert values[1] == SIGNATURE
    assert values[6].to_bytes(8, "little").startswith(b"b,\0\xff\0")


def test_what_is_not_there_and_what_faults_have_as_many_values_as_ever(pair: Pair) -> None:
    assert batch(pair.one, "c,1f", "n,7,1", "f,7") == [NOTHING] * 13
    assert batch(pair.one, "e,20", "c,5") == [NOTHING] * 3


def test_interrupts_are_counted_between_bounds(pair: Pair) -> None:
    """One signal, one interrupt; then none, and one that nobody expected."""
    batch(pair.one, "a,0,1,1,counted", "g,0,1")
    assert batch(pair.two, "a,0,1,1,counted", "n,1,1")[-1] == 0
    assert batch(pair.one, "i,0,1,2,4e20", "c,1") == [0, 0x30002, 0]
    batch(pair.one, "g,0,0")


@pytest.mark.parametrize("step", ["", "x,1", "c", "c,", "c,g", "c,1,2,3", "a,0,0,1,%z", "n,1", f"t,0,{'n' * 33}"])
def test_what_is_no_step_is_refused(pair: Pair, step: str) -> None:
    with pytest.raises(ProbeError) as caught:
        pair.one.command(f"batch c,0;{step}x" if not step else f"batch c,0;{step}")
    assert caught.value.kind == "usage"
