# SPDX-License-Identifier: Apache-2.0
"""What a channel between two guests can do: signals there and back, and streams of messages.

A few samples in every run; many, with references beside them by turns, with ``--figures``. That nothing is lost,
doubled or changed meanwhile is judged; how fast it goes is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median

import pytest

from fixtures.api import HostProgram
from fixtures.deployment import Deploy
from fixtures.figures.channel import How, RoundTrips, Signals, Stream, listening, polled, polled_by_way, stream
from fixtures.figures.fixture import Reference, Watch
from fixtures.figures.recording import record_times
from fixtures.figures.ways import Ways, settled
from fixtures.guest import Guest, Region
from fixtures.records import Conditions, Metrics

pytestmark = [pytest.mark.lg_feature("performance"), pytest.mark.quiet]

PAGES = 1024
FREE = ("", "")
FEW = 300
BATCHES = 24
ROUNDS = 420
CLIENTS = (2, 4, 8, 16)
ROUNDS_OF_CLIENTS = 200
SIZES = {"64B": 64, "512B": 512, "4KiB": 4096, "64KiB": 65536, "1MiB": 1 << 20}
STREAM_SECONDS = 0.03
LEAST_MESSAGES, MOST_MESSAGES = 8, 20_000


def attached(guests: tuple[Guest, ...], name: str) -> tuple[Region, Region]:
    """Both in one region, and none listens."""
    ours, theirs = (guest.attach(name, pages=PAGES) for guest in guests)
    return ours, theirs


def record_ways(
    metrics: Metrics, how: str, taken: Sequence[tuple[Signals, ...]], watch: Watch, against: str = ""
) -> None:
    """Times of each way and of both. Batches of a reference, if there is one, are the second members."""
    batches, note = settled(taken)
    conditions = watch.conditions(pages=PAGES, mapping="device", note=note)
    ways: dict[str, Callable[[Ways], Sequence[float]]] = {
        f"one way, {how}": lambda ways: ways.there,
        f"one way, {how}, answer": lambda ways: ways.back,
        f"one way, {how}, both": lambda ways: ways.around,
    }
    for name, times in ways.items():
        ours, theirs = ([times(batch[number]) for batch in batches if batch[number:]] for number in (0, 1))
        record_times(metrics, name, ours, conditions, against=against, reference=theirs)


@pytest.mark.requirement("SHM-PERF-05")
def test_round_trips_by_polling(deploy: Deploy, metrics: Metrics) -> None:
    """Both guests read the status register until the other's bit is there."""
    guests = deploy(*FREE)
    ours, theirs = attached(guests, "polled")
    watch = Watch(guests[0])
    times = polled(ours, theirs, FEW)
    record_times(metrics, "round trip, polled", [times], watch.conditions(pages=PAGES, mapping="device"))


@pytest.mark.figures
@pytest.mark.requirement("SHM-PERF-05")
def test_many_round_trips_by_polling(deploy: Deploy, metrics: Metrics) -> None:
    """The same with enough samples for the rarest thousandth."""
    guests = deploy(*FREE)
    ours, theirs = attached(guests, "polled")
    watch = Watch(guests[0])
    batches = [polled(ours, theirs, ROUNDS) for _ in range(BATCHES)]
    conditions = watch.conditions(pages=PAGES, mapping="device")
    record_times(metrics, "round trip, polled, many", batches, conditions)


@pytest.mark.figures
@pytest.mark.requirement("SHM-PERF-05", "SHM-NOTIF-10")
def test_many_round_trips_by_interrupt(deploy: Deploy, metrics: Metrics, reference: Reference | None) -> None:
    """By turns with the doorbell of QEMU's own device."""
    ours, theirs = listening(deploy(*FREE), "interrupts", PAGES)
    watch = Watch(ours.guest)
    trips = RoundTrips(ours, theirs)
    batches, beside = [], []
    for _ in range(BATCHES):
        batches.append(trips.batch(ROUNDS))
        if reference:
            beside.append(reference.round_trips(ROUNDS))
    trips.check()
    conditions = watch.conditions(pages=PAGES, mapping="device")
    against = "ivshmem-doorbell" if reference else ""
    record_times(metrics, "round trip, interrupt, many", batches, conditions, against=against, reference=beside)


@pytest.mark.figures
@pytest.mark.requirement("SHM-PERF-05", "SHM-NOTIF-10")
def test_signals_by_way(deploy: Deploy, metrics: Metrics, reference: Reference | None) -> None:
    """From the store to notify until the handler of the peer has the signal, and the same of its answer."""
    ours, theirs = listening(deploy(*FREE), "ways", PAGES)
    watch = Watch(ours.guest)
    trips = RoundTrips(ours, theirs)
    taken = []
    for _ in range(BATCHES):
        batch = trips.by_way(ROUNDS)
        taken.append((batch, reference.by_way(ROUNDS)) if reference else (batch,))
    trips.check()
    record_ways(metrics, "interrupt", taken, watch, "ivshmem-doorbell" if reference else "")


@pytest.mark.figures
@pytest.mark.requirement("SHM-PERF-05")
def test_polled_signals_by_way(deploy: Deploy, metrics: Metrics) -> None:
    """From the store to notify until the peer, which reads the status register again and again, sees the bit."""
    ours, theirs = attached(deploy(*FREE), "polled-ways")
    watch = Watch(ours.guest)
    taken = [(polled_by_way(ours, theirs, ROUNDS),) for _ in range(BATCHES)]
    record_ways(metrics, "polled", taken, watch)


@pytest.mark.figures
@pytest.mark.one_placement
@pytest.mark.requirement("SHM-PERF-05", "SHM-NOTIF-10")
@pytest.mark.parametrize("clients", CLIENTS)
def test_round_trips_among_clients(deploy: Deploy, metrics: Metrics, host_program: HostProgram, clients: int) -> None:
    """Two guests exchange signals in a region of several clients; the others are programs of the host."""
    with ExitStack() as stack:
        ours, theirs = listening(deploy(*FREE), f"clients{clients}", PAGES)
        watch = Watch(ours.guest)
        for _ in range(clients - 2):
            connection = host_program.attach(f"clients{clients}")
            assert connection is not None
            stack.callback(connection.detach)
            for region in (ours, theirs):
                region.guest.wait_interrupts(20.0)
        trips = RoundTrips(ours, theirs)
        batches = [trips.batch(ROUNDS_OF_CLIENTS) for _ in range(BATCHES // 2)]
        trips.check()
        conditions = watch.conditions(pages=PAGES, mapping="device")
        record_times(metrics, f"round trip, interrupt, {clients} clients", batches, conditions)


def messages_for(trial: Stream) -> int:
    """So many that a stream lasts a few hundredths of a second."""
    return max(LEAST_MESSAGES, min(MOST_MESSAGES, int(trial.messages_per_second * STREAM_SECONDS)))


def regions_of(deploy: Deploy, how: How, name: str) -> Sequence[Region]:
    """Both guests in one region; those of a stream by signal listen."""
    return listening(deploy(*FREE), name, PAGES) if how == "signal" else attached(deploy(*FREE), name)


def record_rates(metrics: Metrics, how: str, size: int, streams: Sequence[Stream], conditions: Conditions) -> None:
    """Bytes and messages a second."""
    for name, unit, samples in (
        ("stream", "MB/s", [seen.megabytes_per_second for seen in streams]),
        ("stream, messages", "1/s", [seen.messages_per_second for seen in streams]),
    ):
        metrics.record(
            name=f"{name}, {how}",
            unit=unit,
            value=median(samples),
            samples=samples,
            block_bytes=size,
            conditions=conditions,
        )


@pytest.mark.requirement("SHM-PERF-06")
@pytest.mark.parametrize("how", ["poll", "signal"])
def test_messages_of_a_page(deploy: Deploy, metrics: Metrics, how: How) -> None:
    """In both directions; each message has its number and a checksum."""
    regions = regions_of(deploy, how, "messages")
    watch = Watch(regions[0].guest)
    streams = [
        stream(sender, receiver, size=4096, messages=FEW, how=how) for sender, receiver in (regions, regions[::-1]) * 3
    ]
    record_rates(metrics, how, 4096, streams, watch.conditions(pages=PAGES))


@pytest.mark.figures
@pytest.mark.one_placement
@pytest.mark.requirement("SHM-PERF-06")
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("how", ["poll", "signal"])
def test_streams_of_messages(
    deploy: Deploy, metrics: Metrics, reference: Reference | None, how: How, size: int
) -> None:
    """By turns with streams through the memory of QEMU's own device, which are polled in either case."""
    sender, receiver = regions_of(deploy, how, "streams")
    watch = Watch(sender.guest)
    messages = messages_for(stream(sender, receiver, size=size, messages=LEAST_MESSAGES * 4, how=how))
    take: Callable[[], Stream] = lambda: stream(sender, receiver, size=size, messages=messages, how=how)  # noqa: E731
    streams, beside = [], []
    for _ in range(BATCHES):
        streams.append(take())
        if reference:
            beside.append(reference.stream(size=size, messages=messages))
    conditions = watch.conditions(pages=PAGES)
    record_rates(metrics, f"{how}, many", size, streams, conditions)
    if beside:
        metrics.record(
            name=f"stream, {how}, many, beside ivshmem-plain",
            unit="MB/s",
            value=median(seen.megabytes_per_second for seen in streams),
            samples=[seen.megabytes_per_second for seen in streams],
            reference=median(seen.megabytes_per_second for seen in beside),
            reference_samples=[seen.megabytes_per_second for seen in beside],
            against="ivshmem-plain",
            block_bytes=size,
            conditions=conditions,
        )
