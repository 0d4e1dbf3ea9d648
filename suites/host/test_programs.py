# SPDX-License-Identifier: Apache-2.0
"""Programs of the host are clients of regions like any other."""

from __future__ import annotations

import time

import pytest

from fixtures.api import PULSES, HostProgram
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import indices
from fixtures.hostside import HostPrograms, demand
from harness.shmem.registers import STATUS_MEMBERS_SHIFT

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
SECONDS = 20.0
SIGNALS = 20
MOST_PULSES = 2
"""For a change, as a mean."""


@pytest.mark.requirement("SHM-HOST-01")
def test_a_region_can_be_there_before_any_guest(deploy: Deploy, host_program: HostProgram) -> None:
    """No virtual machine runs; the size and the bytes are the host's, and the guest finds them."""
    assert deploy() == ()
    client = host_program.create("made-first", 3)
    client.write(0, b"from before")
    guest, _, _ = deploy(*FREE)
    region = guest.attach("made-first", pages=1)
    assert region.pages == 3
    assert region.peek(0, 11) == b"from before"
    assert region.members() == {client.index, region.index}


@pytest.mark.requirement("SHM-HOST-02")
def test_a_client_on_the_host_holds_an_index(
    deploy: Deploy, host_program: HostProgram, host_programs: HostPrograms
) -> None:
    """Guests see it come and go; it signals and is signalled; the end of its program is a detach."""
    guest, peer, _ = deploy(*FREE)
    ours, theirs = guest.attach("mixed"), peer.attach("mixed")
    client = host_program.attach("mixed")
    assert client is not None
    assert client.index not in {ours.index, theirs.index}
    everybody = {ours.index, theirs.index, client.index}
    assert ours.members() == theirs.members() == indices(client.status() >> STATUS_MEMBERS_SHIFT) == everybody
    client.notify(1 << ours.index)
    assert (ours.pending(), theirs.pending()) == ({client.index}, set())
    theirs.signal(client.index)
    assert indices(client.status()) == {theirs.index}
    with host_programs() as second:
        other = second.attach("mixed")
        assert other is not None
        assert ours.members() == everybody | {other.index}
    # The end of a program takes its time.
    deadline = time.monotonic() + SECONDS
    while (there := ours.members()) != everybody and time.monotonic() < deadline:
        pass
    assert there == everybody
    client.detach()
    assert ours.members() == {ours.index, theirs.index}


@pytest.mark.requirement("SHM-HOST-03")
def test_a_pulse_comes_when_the_status_word_changes(deploy: Deploy, host_program: HostProgram, bench: Bench) -> None:
    """A guest that comes, signals, signals again after a read, and goes: a pulse each at least, none lost.

    That there is no more than one is not stated; a pulse that comes again and again is none for a change.
    """
    demand(bench, PULSES)
    guest, _, _ = deploy(*FREE)
    client = host_program.create("pulsed", 1)
    first = came = client.wait_pulses(0, 0)
    region = guest.attach("pulsed")
    came = _next_pulse(client.wait_pulses(came + 1, SECONDS), came)
    for _ in range(SIGNALS):
        region.signal(client.index)
        came = _next_pulse(client.wait_pulses(came + 1, SECONDS), came)
        assert indices(client.status()) == {region.index}
    region.detach()
    came = _next_pulse(client.wait_pulses(came + 1, SECONDS), came)
    assert came - first <= MOST_PULSES * (SIGNALS + 2), f"{came - first} pulses for {SIGNALS + 2} changes"


def _next_pulse(count: int, before: int) -> int:
    assert count > before, "no pulse for a change"
    return count


@pytest.mark.parametrize("pages", [1, 16, 1000])
@pytest.mark.requirement("SHM-HOST-04")
def test_host_and_guest_count_the_same_pages(deploy: Deploy, host_program: HostProgram, pages: int) -> None:
    """This holds for either creator and for every requested size."""
    guest, _, _ = deploy(*FREE)
    region = guest.attach(f"by-the-guest{pages}", pages)
    client = host_program.attach(f"by-the-guest{pages}")
    assert client is not None
    assert client.pages == region.pages == pages
    assert host_program.create(f"by-the-host{pages}", pages).pages == pages
    assert guest.attach(f"by-the-host{pages}", 2).pages == pages
