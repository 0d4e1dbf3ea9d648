# SPDX-License-Identifier: Apache-2.0
"""Connections and regions over time, where the documents leave it open. Nothing is judged."""

from __future__ import annotations

import pytest

from fixtures.api import PULSES, HostProgram
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, mask
from fixtures.hostside import demand
from fixtures.records import Observations
from harness.shmem.registers import DATA_OFFSET, MAX_CLIENTS
from suites.characterisation.experiments import is_there

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.one_placement, pytest.mark.every_release]

FREE = ("", "", "")
CREATED = ("create stock,0x5000", "", "")
MARK = 0x0B5E_55ED_0B5E_55ED
SECONDS = 20.0


@pytest.mark.requirement("SHM-OPEN-20")
def test_indices_of_those_who_come_back(deploy: Deploy, observations: Observations) -> None:
    """One client stays, another attaches and detaches more often than there are indices."""
    guest, peer, _ = deploy(*FREE)
    guest.attach("reused")
    given = []
    for _ in range(MAX_CLIENTS + 4):
        region = peer.attach("reused")
        given.append(region.index)
        region.detach()
    observations.record("indices of one who comes and goes", given)
    if len(set(given)) == 1:
        reading = "lowest-free"
    else:
        reading = "never-until-full" if len(set(given[-3:])) == 1 else "round-robin"
    observations.record("index_reuse", reading)


@pytest.mark.requirement("SHM-OPEN-21")
def test_unusual_words_in_notify(deploy: Deploy, observations: Observations) -> None:
    """The sender's own bit, upper bits in addition to a receiver's, zero, and an index that is assigned later."""
    guest, peer, late = deploy(*FREE)
    ours, theirs = guest.attach("odd-words"), peer.attach("odd-words")
    ours.pending()
    ours.signal(ours.index)
    observations.record("notify_own_bit", "signals" if ours.pending() else "ignored")
    ours.notify(1 << 20 | mask([theirs.index]))
    observations.record("notify_high_bits", "ignored" if theirs.pending() else "drops-all")
    ours.notify(0)
    observations.record("notify 0", "signals" if theirs.pending() or ours.pending() else "ignored")
    ours.notify(0xFFFF & ~mask([ours.index, theirs.index]))
    joined = late.probe.attach("odd-words", 1)
    kept = (joined.control_status or 0) & 0xFFFF
    observations.record("notify_idle", "kept" if kept else "dropped")


@pytest.mark.requirement("SHM-OPEN-22")
def test_a_signal_whose_bit_is_set_already(
    deploy: Deploy, host_program: HostProgram, bench: Bench, observations: Observations
) -> None:
    """Counted where they are counted one by one: at a program of the host, which reads its status only at the end."""
    demand(bench, PULSES)
    guest, _, _ = deploy(*FREE)
    client = host_program.create("pulses", 1)
    region = guest.attach("pulses")
    before = client.wait_pulses(1, SECONDS)
    for _ in range(5):
        region.signal(client.index)
    region.detach()
    # The detach is a change of its own; what came before it are the signals.
    pulses = client.wait_pulses(before + 6, 0.2) - before - 1
    observations.record("pulses for five signals before a read", pulses)
    observations.record("interrupt_on", {0: "members-only", 1: "status-change"}.get(pulses, "every-event"))


@pytest.mark.requirement("SHM-OPEN-23")
def test_the_place_of_a_region_after_detach(deploy: Deploy, observations: Observations) -> None:
    """What data and control page read there, and what the next region's place is."""
    guest, peer, _ = deploy(*FREE)
    peer.attach("vacated", 2).mark_pages(MARK)
    region = guest.attach("vacated", 2)
    region.detach()
    data, control = guest.load("phys", region.address + DATA_OFFSET, 8), guest.load("phys", region.address, 4)
    for what, word in (("data", data), ("control page", control)):
        observations.record(f"{what} after detach", "a fault" if word is None else hex(word))
    readings = {None: "guest-abort", 0: "scratch", 0xFFFF_FFFF_FFFF_FFFF: "ones"}
    observations.record("detached_window", readings.get(data, "none that is known"))
    following = guest.attach("next")
    observations.record("window_reuse", "lowest-free" if following.address == region.address else "round-robin")


@pytest.mark.requirement("SHM-LIFE-08", "SHM-OPEN-25", "SHM-OPEN-26")
def test_a_region_that_everybody_has_left(deploy: Deploy, bench: Bench, observations: Observations) -> None:
    """Its size and content for a client that returns, before and after the end of its creator."""
    maker, guest, _ = deploy(*FREE)
    made = maker.attach("lasting", 5)
    made.mark_pages(MARK)
    made.detach()
    kept = is_there(bench, guest, "lasting", 5)
    observations.record("the region is there when all have left", kept)
    answer = guest.request("lasting", 2)
    pages = answer.region.pages if answer.region else 0
    observations.record("who returns and asks for 2 of the 5 pages", f"{answer.status.name}, {pages} pages")
    back = answer.region or guest.attach("lasting", 5)
    word = int.from_bytes(back.peek(0, 8), "little")
    observations.record("what is in them", f"{word:#x}")
    back.detach()
    if not kept:
        observations.record("region_lifetime", "last-client")
        observations.record("new_content", "stale" if word == MARK else "zeroed")
        return
    maker.cut_power()
    kept = is_there(bench, guest, "lasting", 5)
    observations.record("region_lifetime", "host-reboot" if kept else "creating-qvm")


@pytest.mark.requirement("SHM-OPEN-25")
def test_a_created_region_that_everybody_has_left(deploy: Deploy, bench: Bench, observations: Observations) -> None:
    """Observed while its creator runs, and after that."""
    maker, guest, _ = deploy(*CREATED)
    maker.attach("stock", 5).detach()
    left = is_there(bench, guest, "stock", 5)
    maker.cut_power()
    ended = left and is_there(bench, guest, "stock", 5)
    reading = ("host-reboot" if ended else "creating-qvm") if left else "last-client"
    observations.record("create_lifetime", reading)


@pytest.mark.requirement("SHM-OPEN-19")
def test_registers_before_the_first_request_and_after_a_failed_one(deploy: Deploy, observations: Observations) -> None:
    """The guest has just been started."""
    (guest,) = deploy("deny refused")
    registers = guest.registers()
    observations.record("initial registers", _shown(guest))
    observations.record("initial_status", {0: "OK", 1: "UNKNOWN_FAILURE"}.get(registers.status, "none that is known"))
    region = guest.attach("before", 3)
    guest.request("refused", 7)
    registers = guest.registers()
    observations.record("registers after a failed request for 7 pages", _shown(guest))
    size = {7: "requested", 0: "zero", 3: "previous"}.get(registers.size, "none that is known")
    observations.record("failed_size", size)
    observations.record("failed_shmem", "previous" if registers.shmem == region.address else "zero")


def _shown(guest: Guest) -> str:
    registers = guest.registers()
    return f"status {registers.status}, size {registers.size}, shmem {registers.shmem:#x}, name {registers.name!r}"
