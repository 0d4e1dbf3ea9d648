# SPDX-License-Identifier: Apache-2.0
"""A region has room for sixteen clients, guests or host programs."""

from __future__ import annotations

import time
from random import Random
from typing import Final

import pytest

from fixtures.api import HostConnection, HostProgram
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.hostside import HostPrograms
from fixtures.settings import Setting
from harness.shmem.registers import MAX_CLIENTS, STATUS_MEMBERS_SHIFT
from harness.shmem.status import Status
from suites.lifecycle.test_drawn_ends import SECONDS, ends

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
ROUNDS: Final = 3


@pytest.mark.requirement("SHM-STAT-02")
def test_the_16th_connection_is_not_one_too_many(deploy: Deploy, host_program: HostProgram) -> None:
    """Thirteen clients on the host, then three guests, each of which gets in."""
    guests = deploy(*FREE)
    clients = [host_program.create("sixteen", 1) for _ in range(MAX_CLIENTS - len(guests))]
    regions = [guest.attach("sixteen") for guest in guests]
    taken = [*(client.index for client in clients), *(region.index for region in regions)]
    assert sorted(taken) == list(range(MAX_CLIENTS))
    assert [region.members() for region in regions] == [set(range(MAX_CLIENTS))] * len(guests)


@pytest.mark.requirement("SHM-STAT-01", "SHM-STAT-02")
def test_requests_for_a_full_region_cost_nothing(deploy: Deploy, host_program: HostProgram) -> None:
    """After many refused requests, the guest can still attach elsewhere, and others are not affected."""
    guest, _, _ = deploy(*FREE)
    clients = [host_program.create("besieged", 1) for _ in range(MAX_CLIENTS)]
    assert [guest.request("besieged").status for _ in range(2 * MAX_CLIENTS)] == [Status.CLIENT_MAX] * 2 * MAX_CLIENTS
    region = guest.attach("spared", pages=2)
    assert (region.pages, region.members()) == (2, {region.index})
    clients[5].detach()
    assert guest.attach("besieged").members() == set(range(MAX_CLIENTS))


def _settled(watch: HostConnection, members: int) -> int:
    """How many are in the region, as soon as it is so many: a host may need a moment to see that a qvm was killed."""
    deadline = time.monotonic() + SECONDS
    while (found := (watch.status() >> STATUS_MEMBERS_SHIFT).bit_count()) != members and time.monotonic() < deadline:
        pass
    return found


@pytest.mark.drawn
@pytest.mark.requirement("SHM-STAT-02", "SHM-LIFE-03", "SHM-LIFE-04", "SHM-CTRL-02")
def test_there_is_room_again_for_each_who_has_gone(
    deploy: Deploy, host_program: HostProgram, host_programs: HostPrograms, bench: Bench, setting: Setting
) -> None:
    """A guest ends, a program of the host ends or leaves, in drawn ways: as many others come in, and no one more."""
    random = Random(f"room {setting.placement}")
    watch = host_program.create("turnover", 1)
    for number in range(ROUNDS):
        late, *guests = deploy(*FREE)
        inside = [guest.attach("turnover") for guest in guests]
        with host_programs() as ending:
            programs = [ending.create("turnover", 1) for _ in range(MAX_CLIENTS - 1 - len(inside))]
            assert late.request("turnover").status == Status.CLIENT_MAX, f"round {number}: a 17th"
            for connection in random.sample(programs, k=random.randrange(len(programs))):
                programs.remove(connection)
                connection.detach()
            gone = random.choice(guests)
            random.choice(ends(bench))(gone)
            there = len(programs) + len(inside)
            assert _settled(watch, there) == there, f"round {number}: {gone.name} has ended"
            programs += [ending.create("turnover", 1) for _ in range(MAX_CLIENTS - 1 - there)]
            last = late.attach("turnover")
            assert last.members() == set(range(MAX_CLIENTS))
            taken = {watch.index, last.index, *(one.index for one in programs)}
            taken |= {region.index for region in inside if region.guest is not gone}
            assert len(taken) == MAX_CLIENTS, "two clients with one index"
        assert _settled(watch, len(inside) + 1) == len(inside) + 1, f"round {number}: the program has ended"
        for region in (last, *(one for one in inside if one.guest is not gone)):
            region.detach()
