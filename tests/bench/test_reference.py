# SPDX-License-Identifier: Apache-2.0
"""The guests of stock QEMU that figures are held against."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.arch import ARCHES
from harness.bench import reference
from harness.bench.reference import ReferenceGuests
from harness.errors import BenchError
from harness.guest.probe_figures import Party, samples, signals
from harness.paths import plain_base
from harness.shmem.registers import SIGNATURE

ROUNDS = 50


@pytest.fixture(scope="module", params=ARCHES)
def guests(request: pytest.FixtureRequest) -> Iterator[ReferenceGuests]:
    with ReferenceGuests(request.param) as running:
        yield running


def test_each_signal_is_one_interrupt(guests: ReferenceGuests) -> None:
    before = [probe.command("doorbell count")["taken"] for probe in guests.probes]
    trips = guests.round_trips(ROUNDS)
    assert (trips.lost, trips.timing.count, trips.interrupts) == (False, ROUNDS, ROUNDS)
    taken = [probe.command("doorbell count")["taken"] for probe in guests.probes]
    assert [now - was for now, was in zip(taken, before, strict=True)] == [ROUNDS, ROUNDS]
    assert len(samples(guests.probes[0])) == ROUNDS


def test_signals_are_timed_by_way(guests: ReferenceGuests) -> None:
    one, two = (Party(probe, None, number) for number, probe in enumerate(guests.probes))
    seen = signals(one, two, ROUNDS)
    assert (seen.trips.lost, seen.trips.interrupts, len(seen.taken)) == (False, ROUNDS, ROUNDS)
    assert list(seen.taken) == sorted(seen.taken)
    before, after = seen.exchanges
    assert before.answered < seen.taken[0] < seen.taken[-1] < after.answered


def test_a_peer_that_does_not_serve_is_noticed(guests: ReferenceGuests) -> None:
    guests.probes[1].command("doorbell serve 0 3")
    answer = guests.probes[0].command("doorbell ring 1 10")
    assert (answer["lost"], answer["count"]) == (1, 3)


def test_the_memory_is_compared_with_private_memory(guests: ReferenceGuests) -> None:
    compared = guests.compare("copy", 4096, 1 << 20, 5)
    assert (compared.span, compared.region.count, compared.private.count) == (reference.MEMORY, 5, 5)


def test_registers_are_read_from_a_server_of_their_own(guests: ReferenceGuests) -> None:
    assert guests.register_reads(ROUNDS).count == ROUNDS
    assert len(samples(guests.probes[0])) == ROUNDS
    factory = guests.probes[0].factory()
    assert (factory.signature, factory.status, factory.size, any(factory.name)) == (SIGNATURE, 0, 0, False)


def children() -> set[int]:
    """Processes of which this one is the parent."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == os.getpid():
            found.add(int(entry.name))
    return found


def test_nothing_is_left_of_them() -> None:
    before, descriptors = children(), set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with ReferenceGuests("x86_64"):
        assert len(children() - before) == 3
        assert not list(plain_base().glob("shmem-registers-*"))
    assert children() <= before
    assert len(os.listdir("/proc/self/fd")) <= len(descriptors)  # noqa: PTH208


def test_a_qemu_that_does_not_start_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "MEMORY", 3 << 20)
    before = children()
    with pytest.raises(BenchError, match="a reference guest does not start: qemu-system"):
        ReferenceGuests("x86_64").__enter__()
    assert children() <= before
