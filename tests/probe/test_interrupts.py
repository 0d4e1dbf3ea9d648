# SPDX-License-Identifier: Apache-2.0
"""Interrupts as the probe's driver takes them, in both placements on both architectures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.guest.probe import IrqSource, Probe, ProbeError
from tests.probe.machine import running
from tests.probe.pair import PC_LINES, Pair

_ROUNDS = 50


def _listen(probe: Probe, how: IrqSource) -> int:
    """Attach to the region of the test and listen; returns the handle."""
    attachment = probe.attach("bell", 1)
    assert attachment.handle is not None
    probe.irq_on(how)
    return attachment.handle


def _how(pair: Pair) -> IrqSource:
    """The way by which an interrupt comes exactly once: the pin of a PC's PCI function is a shared level."""
    return "message" if (pair.architecture, pair.placement) == ("x86_64", "pci") else "pin"


@pytest.fixture
def handles(placed_pair: Pair) -> tuple[int, int]:
    """Both guests are in the region and listen; guest one has index 0, guest two index 1."""
    one, two = _listen(placed_pair.one, _how(placed_pair)), _listen(placed_pair.two, _how(placed_pair))
    placed_pair.one.irq_wait(60)
    return one, two


def test_the_line_is_the_one_of_the_configuration(placed_pair: Pair) -> None:
    (device,) = placed_pair.one.find()
    assert device.placement == placed_pair.placement
    expected = {
        ("aarch64", "pci"): 35,
        ("x86_64", "pci"): 20,
        ("aarch64", "mmio"): 43,
        ("x86_64", "mmio"): PC_LINES[0],
    }[placed_pair.architecture, placed_pair.placement]
    assert device.interrupt == placed_pair.one.factory().vector == expected


def test_a_signal_interrupts_its_receiver_once(placed_pair: Pair, handles: tuple[int, int]) -> None:
    placed_pair.two.notify(1 << 0)
    waited = placed_pair.one.irq_wait(60)
    assert (waited.interrupts, waited.timed_out, waited.senders(handles[0])) == (1, False, 1 << 1)
    silence = placed_pair.one.irq_wait(0.1)
    assert (silence.interrupts, silence.timed_out, silence.senders(handles[0])) == (0, True, 0)
    # The handler has read the status register, so nothing is pending there.
    assert placed_pair.one.status().pending == 0


@pytest.mark.usefixtures("handles")
def test_the_sender_is_not_interrupted(placed_pair: Pair) -> None:
    placed_pair.two.notify(0xFFFFFFFF)
    assert placed_pair.one.irq_wait(60).interrupts == 1
    assert placed_pair.two.irq_count().taken == 0


def test_members_from_before_are_no_change(placed_pair: Pair, handles: tuple[int, int]) -> None:
    placed_pair.one.notify(1 << 1)
    assert placed_pair.two.irq_wait(60).interrupts == 1
    region = placed_pair.two.irq_count().region(handles[1])
    assert (region.changes, region.members, region.signals) == (0, 3, (1,))


@pytest.mark.usefixtures("handles")
def test_a_peer_that_leaves_and_comes_back_is_noticed(placed_pair: Pair) -> None:
    before = placed_pair.one.irq_count()
    placed_pair.two.detach()
    assert placed_pair.one.irq_wait(60).interrupts == 1
    placed_pair.two.attach("bell", 1)
    assert placed_pair.one.irq_wait(60).interrupts == 1
    after = placed_pair.one.irq_count()
    assert (after.owned - before.owned, after.disowned) == (2, 0)
    assert after.regions[0].changes - before.regions[0].changes == 2
    assert after.regions[0].members == 3


def test_every_status_change_is_one_interrupt(placed_pair: Pair, handles: tuple[int, int]) -> None:
    placed_pair.two.irq_serve(_ROUNDS)
    before = placed_pair.one.irq_count()
    trips = placed_pair.one.pingpong(1, _ROUNDS)
    print(f"{placed_pair.architecture} {placed_pair.placement}: median {trips.timing.median_ns / 1000:.0f} us")
    assert (trips.lost, trips.timing.count, trips.interrupts) == (False, _ROUNDS, _ROUNDS)
    assert sum(count for _, count in trips.histogram) == _ROUNDS
    assert trips.timing.max_ns <= trips.histogram[-1][0]
    after, peer = placed_pair.one.irq_count(), placed_pair.two.irq_count()
    assert (after.taken - before.taken, after.disowned) == (_ROUNDS, 0)
    assert after.region(handles[0]).from_sender(1) - before.region(handles[0]).from_sender(1) == _ROUNDS
    assert (peer.taken, peer.owned, peer.region(handles[1]).echoed) == (_ROUNDS, _ROUNDS, _ROUNDS)


def test_a_peer_that_does_not_answer_ends_the_measurement(pair: Pair) -> None:
    _listen(pair.one, _how(pair))
    _listen(pair.two, _how(pair))
    pair.two.irq_serve(3)
    trips = pair.one.pingpong(1, 10)
    assert (trips.lost, trips.timing.count) == (True, 3)


@pytest.mark.usefixtures("handles")
def test_a_guest_that_does_not_listen_is_left_alone(placed_pair: Pair) -> None:
    placed_pair.one.irq_off()
    placed_pair.two.notify(1 << 0)
    assert placed_pair.one.status().pending == 1 << 1
    with pytest.raises(ProbeError, match="interrupts are off"):
        placed_pair.one.irq_wait(0.1)


def test_interrupts_come_while_the_guest_does_other_things(placed_pair: Pair, handles: tuple[int, int]) -> None:
    placed_pair.two.irq_serve(_ROUNDS)
    # Guest two answers while it moves memory, guest one while it takes commands.
    for _ in range(5):
        placed_pair.one.notify(1 << 1)
        placed_pair.two.bench("copy", "region", 1024, 1 << 20)
    placed_pair.one.irq_wait(60, count=5)
    assert placed_pair.two.irq_count().region(handles[1]).echoed == 5


def test_the_pin_of_a_pci_function_works_too(pair: Pair) -> None:
    _listen(pair.one, "pin")
    _listen(pair.two, "vector")
    pair.one.irq_wait(60)
    pair.two.irq_serve(_ROUNDS)
    trips = pair.one.pingpong(1, _ROUNDS)
    assert (trips.lost, trips.timing.count) == (False, _ROUNDS)
    assert pair.two.irq_count().owned == _ROUNDS


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("irq on 4096", "state"),
        ("irq on sideways", "usage"),
        ("irq", "usage"),
        ("irq serve", "state"),
        ("notify 1", "state"),
    ],
)
def test_what_cannot_be_is_said(pair: Pair, command: str, kind: str) -> None:
    with pytest.raises(ProbeError) as caught:
        pair.one.command(command)
    assert caught.value.kind == kind


@pytest.fixture(params=["aarch64-gicv2", "aarch64-gicv3"])
def arm(request: pytest.FixtureRequest) -> Iterator[Probe]:
    """A probe on an Arm machine that no other test uses."""
    with running(request.param) as machine:
        yield Probe(machine.transport)


def test_a_gic_of_either_version_delivers(arm: Probe) -> None:
    """Without a device: a page of RAM stands for the factory page, and the pending bit is set by hand."""
    probe, line, pending = arm, 77, 0x08000200
    ram = probe.identify().ram[-1]
    for edge in (False, True):
        probe.register_device(ram.address + ram.size - 16 * 4096, line, edge=edge)
        probe.irq_on()
        for _ in range(3):
            probe.write("phys", pending + line // 32 * 4, 4, 1 << line % 32)
        waited = probe.irq_wait(60, count=3)
        assert (waited.interrupts, waited.timed_out) == (3, False)
        probe.irq_off()
        probe.write("phys", pending + line // 32 * 4, 4, 1 << line % 32)
        probe.irq_on()
        assert probe.irq_wait(0.05).timed_out
        count = probe.irq_count()
        assert (count.taken, count.owned) == (0, 0)
        probe.irq_off()
