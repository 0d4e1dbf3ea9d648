# SPDX-License-Identifier: Apache-2.0
"""How fast a guest answers and reaches shared memory, against its own private memory by the same machine code.

Nothing is judged here but that it can be measured: the figures and the target stand in the report.
"""

from __future__ import annotations

from statistics import median

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Memory, Work
from fixtures.records import Metrics

pytestmark = pytest.mark.lg_feature("performance")

PAGES = 1024
BLOCKS = {"4KiB": 4096, "64KiB": 65536, "1MiB": 1 << 20}
PAIRS = 8
SAMPLE_SECONDS = 0.025
CALIBRATION_BYTES = 16 << 20


@pytest.mark.requirement("SHM-PERF-02")
def test_time_to_the_first_answer_of_a_guest(deploy: Deploy, metrics: Metrics) -> None:
    """One guest alone, from the start of its qvm to its first answer on the console; several starts."""
    times = [deploy(options)[0].first_answer_s for options in ("allow a", "allow b", "")]
    metrics.record(name="first answer", unit="s", value=median(times), samples=times, better="lower")


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("work", ["write", "read", "copy"])
@pytest.mark.requirement("SHM-PERF-01")
def test_throughput_of_a_region(deploy: Deploy, metrics: Metrics, work: Work, block: int) -> None:
    """Region and private memory by turns, each first as often as second, so that drift of the machine cancels out."""
    (guest,) = deploy("")
    region = guest.attach("common", pages=PAGES)
    rate = region.speed(work, "private", block=block, total=CALIBRATION_BYTES)
    total = max(CALIBRATION_BYTES, int(rate * 1e6 * SAMPLE_SECONDS))
    speeds: dict[Memory, list[float]] = {"region": [], "private": []}
    for pair in range(PAIRS):
        for memory in speeds if pair % 2 == 0 else reversed(speeds):
            speeds[memory].append(region.speed(work, memory, block=block, total=total))
    metrics.record(
        name=f"throughput {work}",
        unit="MB/s",
        value=median(speeds["region"]),
        reference=median(speeds["private"]),
        block_bytes=block,
        samples=speeds["region"],
        reference_samples=speeds["private"],
    )
