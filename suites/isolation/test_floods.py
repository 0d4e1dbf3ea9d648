# SPDX-License-Identifier: Apache-2.0
"""A client that does what it may do, without a pause, does not keep others from going on meanwhile.

Two guests exchange signals, by turns with and without the flood; the times are compared within the run. Whoever has to
wait until a part of the flood is over takes many times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from threading import Event

import pytest

from fixtures.deployment import Deploy
from fixtures.figures.accesses import register_reads, requests
from fixtures.figures.channel import RoundTrips, listening
from fixtures.guest import Guest
from fixtures.hostside import HostPrograms
from fixtures.records import Metrics

pytestmark = pytest.mark.only(guest_image=["probe"])

GUESTS = ("deny refused", "", "")
BATCHES = 5
ROUNDS = 40
PHASES = 2
MOST = 10
"""How many times as long signals may take: processors may be fewer than guests, and all of them share the host."""
COUNT = 3000
SIGNALS = 300

Flood = Callable[[], object]


def refused(guest: Guest) -> Flood:
    """Requests that the restrictions list refuses."""
    return lambda: requests(guest, "refused", pages=1, count=COUNT, granted=False)


def coming_and_going(guest: Guest) -> Flood:
    """Regions that are made, and end when they are left."""
    return lambda: requests(guest, "flooded", pages=1, count=COUNT // 4, granted=True)


def reading(guest: Guest) -> Flood:
    """Reads of a register."""
    return lambda: register_reads(guest, COUNT)


def signalling(guest: Guest) -> Flood:
    """Signals to all clients of a region that has no other one."""
    region = guest.attach("flooded", pages=1)
    return lambda: guest.probe.link.request(f"batch {';'.join([f'n,{region.handle:x},ffffffff'] * SIGNALS)}", 60.0)


@contextmanager
def under(flood: Flood) -> Iterator[None]:
    """The flood goes on beside the block: it has begun, and does not end before."""
    begun, over = Event(), Event()

    def go_on() -> None:
        while not over.is_set():
            begun.set()
            flood()

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(go_on)
        begun.wait()
        try:
            yield
            assert not going.done(), "the flood has ended before the others"
        finally:
            over.set()
            going.result()


def compare(metrics: Metrics, pair: Sequence[Guest], flood: Flood) -> None:
    """Signals of two guests there and back, with and without the flood."""
    trips = RoundTrips(*listening(tuple(pair), "beside-a-flood", 1))
    take: Callable[[], list[float]] = lambda: [sum(trips.batch(ROUNDS)) for _ in range(BATCHES)]  # noqa: E731
    flood()
    alone: list[float] = []
    beside: list[float] = []
    for _ in range(PHASES):
        alone += take()
        with under(flood):
            beside += take()
    trips.check()
    usual, flooded = median(alone) / ROUNDS, median(beside) / ROUNDS
    metrics.record(
        name="round trip beside a flood",
        unit="us",
        value=flooded,
        reference=usual,
        better="lower",
        watched=False,
    )
    assert flooded < MOST * usual, f"a signal and its answer take {usual:.0f} us, and {flooded:.0f} us beside the flood"


@pytest.mark.parametrize("kind", [refused, coming_and_going, reading, signalling], ids=lambda kind: kind.__name__)
@pytest.mark.one_placement
@pytest.mark.requirement("SHM-ISOL-03")
def test_a_guest_without_a_pause(deploy: Deploy, metrics: Metrics, kind: Callable[[Guest], Flood]) -> None:
    """It has no region in common with the two."""
    hostile, *others = deploy(*GUESTS)
    compare(metrics, others, kind(hostile))


@pytest.mark.one_placement
@pytest.mark.requirement("SHM-ISOL-03")
def test_a_program_of_the_host_without_a_pause(deploy: Deploy, metrics: Metrics, host_programs: HostPrograms) -> None:
    """It comes and goes, as a client of the region in which the two are not."""
    _, *others = deploy(*GUESTS)
    with host_programs() as program:

        def flood() -> None:
            for _ in range(SIGNALS):
                program.create("flooded", 1).detach()

        compare(metrics, others, flood)
