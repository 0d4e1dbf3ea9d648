# SPDX-License-Identifier: Apache-2.0
"""A host with many regions: each has its own name, size and bytes, and none of them is lost or left behind."""

from __future__ import annotations

from random import Random

import pytest

from fixtures.api import HostProgram
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.hostside import HostRegions

pytestmark = pytest.mark.only(guest_image=["probe"])

COUNT = 150
STEP = 10
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def _drawn(random: Random) -> dict[str, int]:
    """Names and pages: many names begin or end alike, or are a permutation of another one."""
    found: dict[str, int] = {}
    while len(found) < COUNT:
        stem = "".join(random.choices(LETTERS, k=random.randint(1, 12)))
        several = (stem, stem[::-1], f"{stem}{random.randint(0, 99)}", f"{stem[:1]}{stem}", stem.ljust(31, "x"))
        for name in random.sample(several, k=2):
            found.setdefault(name, random.randint(1, 8))
    return found


@pytest.mark.requirement("SHM-HOST-04")
def test_many_regions_of_a_program(
    deploy: Deploy, bench: Bench, host_program: HostProgram, host_regions: HostRegions
) -> None:
    """A program makes them, a guest finds all of them in any order, and each is gone when it has been left."""
    random = Random(bench.config.name)
    pages = _drawn(random)
    guest, _ = deploy("", "")
    others = host_regions().keys()
    numbers = {name: number.to_bytes(8, "little") for number, name in enumerate(pages)}
    there = {name: host_program.create(name, size) for name, size in pages.items()}
    for name, connection in there.items():
        connection.write(0, numbers[name])
    assert {name: region.pages for name, region in host_regions().items() if name not in others} == pages
    for name in random.sample(list(pages), k=COUNT):
        region = guest.attach(name)
        assert (region.pages, region.peek(0, 8)) == (pages[name], numbers[name]), name
        region.detach()
    for name in random.sample(list(pages), k=COUNT):
        there.pop(name).detach()
        if len(there) % STEP == 0:
            assert host_regions().keys() - others == there.keys(), f"after {name} has been left"
