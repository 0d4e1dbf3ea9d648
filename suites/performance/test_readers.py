# SPDX-License-Identifier: Apache-2.0
"""One guest writes a region while others read it: how much is left to each, as they become more.

All work for the same time, on the whole region. By turns each does the same in private RAM of its own: what is lost
there as well is the processors' doing, and what is lost beyond that comes from sharing the memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

import pytest

from fixtures.deployment import Deploy
from fixtures.figures.channel import Memory, Share, together
from fixtures.figures.fixture import Room, Watch
from fixtures.figures.recording import record_beside
from fixtures.guest import Region, Work
from fixtures.records import Metrics

pytestmark = [pytest.mark.lg_feature("performance"), pytest.mark.quiet]

PAGES = 512
BLOCK = 4096
READERS = (0, 1, 2, 4, 8, 15)
ROUNDS = 12
MILLISECONDS = 30

MEMORIES: tuple[Memory, ...] = ("region", "private")
Shares = dict[Memory, list[list[Share]]]


def taken(regions: Sequence[Region], rounds: int) -> dict[int, Shares]:
    """By the number of readers, what the writer, who is the first, and each of them moved in each round."""
    shares: dict[int, Shares] = defaultdict(lambda: {memory: [] for memory in MEMORIES})
    for _ in range(rounds):
        for readers in (number for number in READERS if number < len(regions)):
            reading: list[tuple[Region, Work]] = [(region, "read") for region in regions[1 : 1 + readers]]
            work: list[tuple[Region, Work]] = [(regions[0], "write"), *reading]
            for memory in MEMORIES:
                shares[readers][memory].append(together(work, memory, block=BLOCK, milliseconds=MILLISECONDS))
    return shares


def moved(rounds: Sequence[Sequence[Share]], *, reading: bool) -> list[float]:
    """What the writer, or all readers together, moved in the whole time."""
    chosen = slice(1, None) if reading else slice(1)
    return [sum(share.megabytes_per_second for share in shares[chosen]) for shares in rounds]


def of_a_pass(rounds: Sequence[Sequence[Share]], *, reading: bool) -> list[float]:
    """How fast the writer, or the middle one of the readers, is while its processor works for it."""
    chosen = slice(1, None) if reading else slice(1)
    return [median(share.megabytes_per_second_of_a_pass for share in shares[chosen]) for shares in rounds]


@pytest.mark.figures
@pytest.mark.one_placement
@pytest.mark.requirement("SHM-PERF-01")
def test_one_writer_with_readers(deploy: Deploy, metrics: Metrics, room: Room) -> None:
    """The writer alone, and with 1 to 15 readers, each a guest, by turns in each round.

    How the machine divides its cores among guests moves what they move in all, so that has no history; nor has anything
    of guests that take turns, for it matters who has a core meanwhile.
    """
    regions = [guest.attach("readers", pages=PAGES) for guest in deploy(*[""] * room.guests)]
    watch = Watch(regions[0].guest)
    shares = taken(regions, ROUNDS)
    for readers, rounds in shares.items():
        loop = rounds["region"][0][0].loop
        conditions = watch.conditions(pages=PAGES, loop=loop, note=room.note(1 + readers))
        them = {0: "no reader", 1: "1 reader"}.get(readers, f"{readers} readers")
        for reading in (False, True)[: 1 + bool(readers)]:
            name = f"read by {them} beside a writer" if reading else f"write beside {them}"
            shared, private = (of_a_pass(rounds[memory], reading=reading) for memory in MEMORIES)
            enough = room.enough(1 + readers)
            record_beside(metrics, f"{name}, a pass", BLOCK, shared, private, "private RAM", conditions, watched=enough)
            least, against = (1, "1 reader") if reading else (0, "the writer alone")
            if readers > least:
                samples, reference = (moved(shares[of]["region"], reading=reading) for of in (readers, least))
                record_beside(metrics, f"{name}, in all", BLOCK, samples, reference, against, conditions, watched=False)
