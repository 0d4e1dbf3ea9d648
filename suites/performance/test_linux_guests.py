# SPDX-License-Identifier: Apache-2.0
"""The same figures in Linux guests, from user space through the resources of the PCI function; and beside a network.

The suite's other modules measure what the device does; here is what is left of it behind an operating system.
"""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from fixtures.figures.channel import How, RoundTrips, Stream, listening, stream
from fixtures.figures.fixture import Network, Watch
from fixtures.figures.recording import record_beside, record_times
from fixtures.guest import Speeds, Work
from fixtures.records import Metrics
from suites.performance import test_channels as channels
from suites.performance.test_throughput import PAGES, piece_for

pytestmark = [
    pytest.mark.lg_feature("performance"),
    pytest.mark.quiet,
    pytest.mark.figures,
    pytest.mark.only(guest_image=["linux"], placement=["pci"]),
]

by_serial = pytest.mark.only(via=["serial"])
by_ssh = pytest.mark.only(via=["ssh"])

BLOCKS = {"64B": 64, "4KiB": 4096, "1MiB": 1 << 20}
ROUNDS_OF_PIECES, PIECES = 12, 6
BATCHES, ROUNDS = 12, 420
SIZES = {"64B": 64, "4KiB": 4096, "64KiB": 65536}
WAYS: tuple[How, ...] = ("poll", "signal")
TURNS = 8


@by_serial
@pytest.mark.requirement("SHM-PERF-01")
@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("work", ["write", "read", "copy"])
def test_throughput_in_linux(deploy: Deploy, metrics: Metrics, work: Work, block: int) -> None:
    """The probe as a program of Linux: how its kernel lets a program map the data is a part of the figure."""
    (guest,) = deploy("")
    region = guest.attach("linux", pages=PAGES)
    watch = Watch(guest)
    piece = piece_for(region, work, block)
    rounds: list[Speeds] = [
        region.speeds(work, block=block, piece=piece, count=PIECES) for _ in range(ROUNDS_OF_PIECES)
    ]
    shared, private = [one.best_region for one in rounds], [one.best_private for one in rounds]
    conditions = watch.conditions(pages=PAGES, loop=rounds[0].loop)
    record_beside(metrics, f"throughput {work}, Linux", block, shared, private, "private RAM", conditions)


@by_ssh
@pytest.mark.requirement("SHM-PERF-05", "SHM-NOTIF-10")
def test_round_trips_of_linux(deploy: Deploy, metrics: Metrics) -> None:
    """Interrupts that a program waits for, by ``uio_pci_generic``."""
    ours, theirs = listening(deploy(*channels.FREE), "linux-signals", channels.PAGES)
    watch = Watch(ours.guest)
    trips = RoundTrips(ours, theirs)
    batches = [trips.batch(ROUNDS) for _ in range(BATCHES)]
    trips.check()
    conditions = watch.conditions(pages=channels.PAGES, mapping="device")
    record_times(metrics, "round trip, interrupt, Linux", batches, conditions)


@by_ssh
@pytest.mark.requirement("SHM-PERF-06")
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_streams_of_linux_beside_a_network(
    deploy: Deploy, metrics: Metrics, network: Network | None, size: int
) -> None:
    """Messages between two Linux guests, polled and by signal, by turns with TCP between two others.

    TCP is sent in pieces of the same size. It is taken once for both, as iperf3 knows no shorter time than a second.
    """
    sender, receiver = channels.regions_of(deploy, "signal", "linux-streams")
    watch = Watch(sender.guest)
    messages = {how: channels.messages_for(stream(sender, receiver, size=size, messages=32, how=how)) for how in WAYS}
    streams: dict[How, list[Stream]] = {how: [] for how in WAYS}
    beside: list[float] = []
    for _ in range(TURNS):
        for how in WAYS:
            streams[how].append(stream(sender, receiver, size=size, messages=messages[how], how=how))
        if network:
            beside.append(network(size))
    conditions = watch.conditions(pages=channels.PAGES)
    for how, taken in streams.items():
        channels.record_rates(metrics, f"{how}, Linux", size, taken, conditions)
        if beside:
            rates = [one.megabytes_per_second for one in taken]
            record_beside(
                metrics, f"stream, {how}, Linux, beside TCP", size, rates, beside, "TCP by virtio-net", conditions
            )
