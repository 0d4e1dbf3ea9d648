# SPDX-License-Identifier: Apache-2.0
"""A region has room for sixteen clients, guests or host programs."""

from __future__ import annotations

import pytest

from fixtures.api import HostProgram
from fixtures.deployment import Deploy
from harness.shmem.registers import MAX_CLIENTS
from harness.shmem.status import Status

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")


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
