# SPDX-License-Identifier: Apache-2.0
"""What a run costs: its processor time beside that of its guests' bare starts, and what it gave for that."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from harness.arch import Arch
from harness.errors import HarnessError
from harness.events import START, Action, Event


def processor_seconds() -> float:
    """Of this process and of all its descendants that have ended and were waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@dataclass(frozen=True)
class Spent:
    """Processor seconds and seconds of the clock, guest starts by bench, and access verdicts."""

    processor_s: float
    wall_s: float
    starts: Mapping[str, int]
    verdicts: int


class Meter:
    """Counts from its making on. It is a subscriber of the sessions' events."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, processor: Callable[[], float] = processor_seconds
    ) -> None:
        self._clock, self._processor = clock, processor
        self._began = (clock(), processor())
        self._starts: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        """Take one event of a session."""
        if isinstance(event, Action) and event.what == START:
            self._starts[event.bench] += 1

    def spent(self, verdicts: int) -> Spent:
        """Up to now, when all sessions have ended."""
        wall, processor = self._clock() - self._began[0], self._processor() - self._began[1]
        return Spent(processor, wall, dict(self._starts), verdicts)


def lines(spent: Spent, benches: Mapping[str, Arch], bare: Callable[[Arch], float]) -> Iterator[str]:
    """What was spent, for the terminal. ``benches`` have their guests on this machine, with these architectures.

    ``bare`` measures the processor seconds of a start of QEMU alone; it is asked once for each architecture.
    """
    yield f"processor time: {spent.processor_s:.1f} s in {spent.wall_s:.1f} s"
    starts: Counter[Arch] = Counter()
    for bench, count in spent.starts.items():
        if bench in benches:
            starts[benches[bench]] += count
    if starts:
        yield f"bare guest starts: {_beside(spent.processor_s, starts, bare)}"
    if spent.verdicts and spent.processor_s:
        yield (
            f"access verdicts: {spent.verdicts}, {spent.verdicts / spent.processor_s:.1f} per second of processor time"
        )


def _beside(processor_s: float, starts: Mapping[Arch, int], bare: Callable[[Arch], float]) -> str:
    try:
        costs = {arch: bare(arch) for arch in sorted(starts)}
    except HarnessError as error:
        return f"not measured: {error}"
    total = sum(count * costs[arch] for arch, count in starts.items())
    parts = ", ".join(f"{starts[arch]} {arch} x {1000 * cost:.0f} ms" for arch, cost in costs.items())
    return f"{total:.1f} s ({parts}); ratio {processor_s / total:.2f}"
