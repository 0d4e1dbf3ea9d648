# SPDX-License-Identifier: Apache-2.0
"""How fast a guest answers and reaches shared memory, against its own private memory by the same machine code.

Nothing is judged here but that it can be measured: the figures and the target stand in the report.
"""

from __future__ import annotations

from statistics import median

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Work
from fixtures.records import Metrics

pytestmark = [pytest.mark.lg_feature("performance"), pytest.mark.quiet]

# 2 MiB lie in the caches of today's processors. Beyond them, pure stores show with what pages the machine backs memory
# (Linux: huge ones for a guest's own RAM, small ones for shared memory; 4 MiB: 8 % slower), and not how it is shared.
PAGES = 512
BLOCKS = {"4KiB": 4096, "64KiB": 65536, "1MiB": 1 << 20}
CALIBRATION_BYTES = 8 << 20
# By turns, and short beside the time slices of a busy machine: what disturbs one kind of memory disturbs the other.
PIECE_SECONDS = 0.001
PIECES = 24
ROUNDS = 8


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
    rate = region.speeds(work, block=block, piece=CALIBRATION_BYTES, count=1).private
    piece = max(block, int(rate * 1e6 * PIECE_SECONDS))
    rounds = [region.speeds(work, block=block, piece=piece, count=PIECES) for _ in range(ROUNDS)]
    shared, private = [speeds.region for speeds in rounds], [speeds.private for speeds in rounds]
    metrics.record(
        name=f"throughput {work}",
        unit="MB/s",
        value=median(shared),
        reference=median(private),
        block_bytes=block,
        samples=shared,
        reference_samples=private,
    )
