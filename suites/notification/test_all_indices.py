# SPDX-License-Identifier: Apache-2.0
"""Signals between a guest and the clients of all other indices: a full region, every bit of the words."""

from __future__ import annotations

import pytest

from fixtures.api import HostProgram
from fixtures.deployment import Deploy
from harness.shmem.registers import MAX_CLIENTS, NOTIFY_ALL_OTHERS, STATUS_PENDING_MASK

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")


@pytest.mark.requirement("SHM-NOTIF-01", "SHM-NOTIF-02")
def test_a_signal_to_each_index_arrives_there_and_nowhere_else(deploy: Deploy, host_program: HostProgram) -> None:
    """The guest signals fifteen host programs, one at a time."""
    guest, *_ = deploy(*FREE)
    ours = guest.attach("full-house")
    clients = [host_program.create("full-house", 1) for _ in range(MAX_CLIENTS - 1)]
    assert {client.index for client in clients} == set(range(MAX_CLIENTS)) - {ours.index}
    for chosen in clients:
        ours.signal(chosen.index)
        heard = {client.index: client.status() & STATUS_PENDING_MASK for client in clients}
        assert heard == {**dict.fromkeys(heard, 0), chosen.index: 1 << ours.index}
    ours.notify(NOTIFY_ALL_OTHERS)
    assert {client.status() & STATUS_PENDING_MASK for client in clients} == {1 << ours.index}
    assert ours.pending() == set()


@pytest.mark.requirement("SHM-NOTIF-01", "SHM-NOTIF-06")
def test_a_signal_from_each_index_is_a_bit_of_its_own(deploy: Deploy, host_program: HostProgram) -> None:
    """They signal one at a time, and then all of them before the guest reads."""
    guest, *_ = deploy(*FREE)
    ours = guest.attach("full-house")
    clients = [host_program.create("full-house", 1) for _ in range(MAX_CLIENTS - 1)]
    for client in clients:
        client.notify(1 << ours.index)
        assert ours.pending() == {client.index}
    for client in clients:
        client.notify(1 << ours.index)
    assert ours.pending() == {client.index for client in clients}
