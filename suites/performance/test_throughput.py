# SPDX-License-Identifier: Apache-2.0
"""How fast a guest answers and reaches shared memory, against its own private memory by the same machine code.

Nothing is judged here but that it can be measured: the figures and the target stand in the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import pytest

from fixtures.deployment import Deploy
from fixtures.figures.fixture import Reference, Watch
from fixtures.figures.recording import record_beside
from fixtures.guest import Region, Speeds, Work
from fixtures.records import Conditions, Metrics

pytestmark = [pytest.mark.lg_feature("performance"), pytest.mark.quiet]

# 2 MiB lie in the caches of today's processors. Beyond them, pure stores show with what pages the machine backs memory
# (Linux: huge ones for a guest's own RAM, small ones for shared memory; 4 MiB: 8 % slower), and not how it is shared.
PAGES = 512
BLOCKS = {"4KiB": 4096, "64KiB": 65536, "1MiB": 1 << 20}
# With the control page, the largest region for which there is always room; beyond the caches of today's cores.
FAR_PAGES = 4095
ALL_BLOCKS = {"8B": 8, "64B": 64, "4KiB": 4096, "64KiB": 65536, "1MiB": 1 << 20, "4MiB": 4 << 20}
CALIBRATION_BYTES = 8 << 20
# By turns, and short beside the time slices of a busy machine: what disturbs one kind of memory disturbs the other.
PIECE_SECONDS = 0.001
PIECES = 24
ROUNDS = 8
MANY_ROUNDS = 16
FEW_PIECES = 6
LOOP_BLOCK = 65536
LOOP_PIECE = 4 << 20
RANDOM_BLOCKS = {"64B": 64, "512B": 512, "4KiB": 4096}
SEED = 1
UNCACHED_BLOCKS = {"64B": 64, "4KiB": 4096}
# A processor may need a microsecond for each access to memory that is not cached.
FIRST_UNCACHED_BYTES = 64 << 10


def piece_for(region: Region, work: Work, block: int, seed: int = 0) -> int:
    """The bytes of a piece of this work."""
    rate = region.speeds(work, block=block, piece=CALIBRATION_BYTES, count=1, seed=seed).private
    return max(block, int(rate * 1e6 * PIECE_SECONDS))


def record_ratios(
    metrics: Metrics,
    name: str,
    block: int,
    rounds: Sequence[Speeds],
    beside: Sequence[Speeds],
    conditions: Conditions,
) -> None:
    """Memory of two guests, each relative to its guest's private memory."""
    samples, reference = ([speeds.best_ratio for speeds in several] for several in (rounds, beside))
    record_beside(metrics, name, block, samples, reference, "ivshmem-plain", conditions, unit="of private RAM")


@pytest.mark.requirement("SHM-PERF-02")
def test_time_to_the_first_answer_of_a_guest(deploy: Deploy, metrics: Metrics) -> None:
    """One guest alone, from the start of its qvm to its first answer on the console; several starts."""
    times = [deploy(options)[0].first_answer_s for options in ("allow a", "allow b", "")]
    metrics.record(name="first answer", unit="s", value=median(times), samples=times, better="lower")


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("work", ["write", "read", "copy"])
@pytest.mark.requirement("SHM-PERF-01")
def test_throughput_of_a_region(deploy: Deploy, metrics: Metrics, work: Work, block: int) -> None:
    """Write, read and copy, in blocks of several sizes."""
    (guest,) = deploy("")
    region = guest.attach("common", pages=PAGES)
    watch = Watch(guest)
    piece = piece_for(region, work, block)
    rounds = [region.speeds(work, block=block, piece=piece, count=PIECES) for _ in range(ROUNDS)]
    shared, private = [speeds.region for speeds in rounds], [speeds.private for speeds in rounds]
    conditions = watch.conditions(pages=PAGES, loop=rounds[0].loop)
    record_beside(metrics, f"throughput {work}", block, shared, private, "private RAM", conditions)


@pytest.mark.figures
@pytest.mark.one_placement
@pytest.mark.parametrize("block", ALL_BLOCKS.values(), ids=ALL_BLOCKS)
@pytest.mark.parametrize("work", ["write", "read", "copy"])
@pytest.mark.requirement("SHM-PERF-01")
def test_throughput_beside_references(
    deploy: Deploy, metrics: Metrics, reference: Reference | None, work: Work, block: int
) -> None:
    """From single words to beyond the caches: against private memory, and by turns against QEMU's own device.

    The device of QEMU is in a guest of its own, so each of the two is taken relative to its guest's private memory. Of
    each batch the best piece counts.
    """
    (guest,) = deploy("")
    region = guest.attach("far", pages=FAR_PAGES)
    watch = Watch(guest)
    piece = piece_for(region, work, block)
    rounds, beside = [], []
    for _ in range(MANY_ROUNDS):
        rounds.append(region.speeds(work, block=block, piece=piece, count=FEW_PIECES))
        if reference:
            beside.append(reference.speeds(work, block=block, piece=piece, count=FEW_PIECES))
    conditions = watch.conditions(pages=FAR_PAGES, loop=rounds[0].loop)
    name, shared = f"throughput {work}, far", [speeds.best_region for speeds in rounds]
    record_beside(metrics, name, block, shared, [speeds.best_private for speeds in rounds], "private RAM", conditions)
    if beside:
        record_ratios(metrics, f"{name}, beside ivshmem-plain", block, rounds, beside, conditions)


@pytest.mark.figures
@pytest.mark.one_placement
@pytest.mark.parametrize("block", RANDOM_BLOCKS.values(), ids=RANDOM_BLOCKS)
@pytest.mark.parametrize("work", ["write", "read", "copy"])
@pytest.mark.requirement("SHM-PERF-01")
def test_throughput_at_random(
    deploy: Deploy, metrics: Metrics, reference: Reference | None, work: Work, block: int
) -> None:
    """Every block of a region beyond the caches once in a random order, by turns with one block after the other.

    The order is the same for each kind of memory and in each run. What finds the next block is a part of the loop, so
    that the smallest blocks are also slower by that.
    """
    (guest,) = deploy("")
    region = guest.attach("random", pages=FAR_PAGES)
    watch = Watch(guest)
    pieces = {seed: piece_for(region, work, block, seed) for seed in (0, SEED)}
    rounds: dict[int, list[Speeds]] = {seed: [] for seed in pieces}
    beside = []
    for _ in range(MANY_ROUNDS):
        for seed, piece in pieces.items():
            rounds[seed].append(region.speeds(work, block=block, piece=piece, count=FEW_PIECES, seed=seed))
        if reference:
            beside.append(reference.speeds(work, block=block, piece=pieces[SEED], count=FEW_PIECES, seed=SEED))
    jumping = rounds[SEED]
    shared, private, in_order = (
        [speeds.best_region for speeds in jumping],
        [speeds.best_private for speeds in jumping],
        [speeds.best_region for speeds in rounds[0]],
    )
    note = f"blocks in the random order of seed {SEED}"
    conditions = watch.conditions(pages=FAR_PAGES, loop=jumping[0].loop, note=note)
    name = f"throughput {work}, at random"
    record_beside(metrics, name, block, shared, private, "private RAM", conditions)
    # How far the two are apart is what the caches of the machine, and others in them, make of it.
    record_beside(metrics, f"{name}, beside in order", block, shared, in_order, "in order", conditions, watched=False)
    if beside:
        record_ratios(metrics, f"{name}, beside ivshmem-plain", block, jumping, beside, conditions)


@pytest.mark.figures
@pytest.mark.one_placement
@pytest.mark.parametrize("block", UNCACHED_BLOCKS.values(), ids=UNCACHED_BLOCKS)
@pytest.mark.parametrize("work", ["write", "read", "copy"])
@pytest.mark.requirement("SHM-PERF-01")
def test_throughput_without_a_cache(deploy: Deploy, metrics: Metrics, emulated: bool, work: Work, block: int) -> None:
    """The same region, mapped so that it is not cached, by turns with the usual mapping."""
    (guest,) = deploy("")
    region = guest.attach("uncached", pages=PAGES)
    watch = Watch(guest)
    region.map_data("uncached")
    slow = region.speeds(work, block=block, piece=FIRST_UNCACHED_BYTES, count=1).region
    piece = max(block, int(slow * 1e6 * PIECE_SECONDS))
    uncached, usual, attribute, loop = [], [], "", ""
    for _ in range(MANY_ROUNDS):
        attribute = region.map_data("uncached")
        seen = region.speeds(work, block=block, piece=piece, count=FEW_PIECES)
        uncached.append(seen.best_region)
        region.map_data("normal")
        usual.append(region.speeds(work, block=block, piece=piece, count=FEW_PIECES).best_region)
        loop = seen.loop
    # How a guest's own system maps it is not known: device memory does cost something on emulated processors, too.
    note = "software emulation: the attribute costs nothing here" if emulated and attribute else ""
    mapping = attribute or "not cached, as the guest's system does it"
    conditions = watch.conditions(pages=PAGES, loop=loop, mapping=mapping, note=note)
    record_beside(metrics, f"throughput {work}, uncached", block, uncached, usual, "the region as usual", conditions)


@pytest.mark.figures
@pytest.mark.one_placement
@pytest.mark.requirement("SHM-PERF-01")
def test_the_loops_beside_each_other(deploy: Deploy, metrics: Metrics) -> None:
    """In private memory: what changes here is the probe's loop, and neither the region nor the machine."""
    (guest,) = deploy("")
    region = guest.attach("loops", pages=PAGES)
    watch = Watch(guest)
    best: dict[Work, list[float]] = {"read": [], "write": [], "copy": []}
    for _ in range(MANY_ROUNDS):
        for work, speeds in best.items():
            seen = region.speeds(work, block=LOOP_BLOCK, piece=LOOP_PIECE, count=FEW_PIECES)
            speeds.append(seen.best_private)
    for work in ("write", "copy"):
        metrics.record(
            name=f"loop, {work} beside read",
            unit="MB/s",
            value=median(best[work]),
            reference=median(best["read"]),
            block_bytes=LOOP_BLOCK,
            samples=best[work],
            reference_samples=best["read"],
            against="the loop for read",
            conditions=watch.conditions(pages=PAGES),
        )
