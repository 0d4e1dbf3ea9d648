# SPDX-License-Identifier: Apache-2.0
"""Interrupts that a driver owns are waited for, whatever others come in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from harness.guest.listening import Listening
from harness.guest.probe import Probe
from harness.guest.probe_measurements import InterruptCount, InterruptWait, RegionPending


@dataclass
class Guest:
    """A probe whose interrupts come when they are waited for: bits of the sender, or 0 for one that is disowned.

    ``late`` are those that come just after a wait has ended.
    """

    coming: list[int]
    late: list[int] = field(default_factory=list)
    taken: int = 0
    owned: int = 0
    reported: int = 0
    senders: int = 0
    waits: int = 0

    def _take(self, sender: int) -> None:
        self.taken += 1
        self.owned += sender > 0
        self.senders |= sender

    def irq_wait(self, _seconds: float, count: int = 1) -> InterruptWait:
        self.waits += 1
        while self.taken - self.reported < count and self.coming:
            self._take(self.coming.pop(0))
        since, self.reported = self.taken - self.reported, self.taken
        pending, self.senders = (RegionPending(0, self.senders, 0b11),), 0
        while self.late:
            self._take(self.late.pop(0))
        return InterruptWait(since, since < count, pending)

    def irq_count(self) -> InterruptCount:
        return InterruptCount(self.taken, self.owned, self.taken - self.owned, 0, ())


def _wait(guest: Guest, count: int = 1) -> tuple[int, int]:
    waited = Listening(cast(Probe, guest)).wait(20.0, count)
    assert not waited.timed_out
    return waited.interrupts, waited.senders(0)


def test_one_that_is_owned_is_waited_for_once() -> None:
    guest = Guest([4])
    assert _wait(guest) == (1, 4)
    assert guest.waits == 1


def test_those_that_are_disowned_do_not_count() -> None:
    assert _wait(Guest([0, 0, 4])) == (1, 4)
    assert _wait(Guest([4, 0, 8, 0, 16]), 3) == (3, 28)


def test_what_comes_just_after_a_wait_is_reported_with_its_sender() -> None:
    assert _wait(Guest([0], late=[4])) == (1, 4)
    assert _wait(Guest([4], late=[8])) == (2, 12)


def test_what_an_earlier_wait_reported_is_not_reported_again() -> None:
    guest = Guest([4, 0, 8])
    listening = Listening(cast(Probe, guest))
    assert listening.wait(20.0).senders(0) == 4
    second = listening.wait(20.0)
    assert (second.interrupts, second.senders(0), second.timed_out) == (1, 8, False)


@pytest.mark.parametrize("coming", [[], [0], [4]])
def test_a_wait_without_enough_of_them_ends_in_time(coming: list[int]) -> None:
    waited = Listening(cast(Probe, Guest(list(coming)))).wait(0.0, 2)
    assert (waited.interrupts, waited.timed_out) == (sum(map(bool, coming)), True)
