# SPDX-License-Identifier: Apache-2.0
"""A virtual machine that ends, in any way, leaves its regions as by detach; the others go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.api import KILLS
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest
from fixtures.hostside import demand
from harness.shmem.registers import CONTROL_IDX_OFFSET

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
CREATING = ("create founded,0x4000", "", "")
SECONDS = 20.0

END: dict[str, Callable[[Guest], object]] = {
    "shutdown": Guest.power_off,
    "reboot": Guest.reboot,
    "power cut": Guest.cut_power,
    "qvm killed": Guest.kill,
}
SHUTDOWN, CUT = pytest.mark.requirement("SHM-LIFE-03"), pytest.mark.requirement("SHM-LIFE-04")


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("shutdown", marks=SHUTDOWN),
        pytest.param("reboot", marks=SHUTDOWN),
        pytest.param("power cut", marks=CUT),
    ],
)
def test_the_others_see_it_leave(deploy: Deploy, how: str) -> None:
    """The one who ends has made the region, and is in another one too; when its qvm has ended, nobody has it there."""
    victim, *guests = deploy(*FREE)
    gone = [victim.attach(name) for name in ("common", "aside")]
    left = [guest.attach("common") for guest in guests]
    beside = guests[0].attach("aside")
    END[how](victim)
    members = {region.index for region in left}
    assert gone[0].index not in members
    assert [region.members() for region in left] == [members, members]
    assert beside.members() == {beside.index}


@pytest.mark.parametrize("how", END)
@pytest.mark.requirement("SHM-LIFE-05")
def test_the_others_go_on(deploy: Deploy, bench: Bench, how: str) -> None:
    """They keep the bytes of the one who has ended, their indices, and their signals by interrupt."""
    if END[how] is Guest.kill:
        demand(bench, KILLS)
    victim, *guests = deploy(*FREE)
    gone = victim.attach("common", pages=8)
    gone.fill(seed=21)
    left = [guest.attach("common") for guest in guests]
    indices = [region.index for region in left]
    for guest in guests:
        guest.listen()
    END[how](victim)
    # A host may need a moment to see that a qvm was killed; it tells by interrupt.
    for guest in guests:
        guest.wait_interrupts(SECONDS)
    assert [region.differences(seed=21) for region in left] == [0, 0]
    left[0].fill(seed=22)
    assert left[1].differences(seed=22) == 0
    assert [region.load(CONTROL_IDX_OFFSET) for region in left] == indices
    left[0].signal(left[1].index)
    waited = guests[1].wait_interrupts(SECONDS)
    assert waited.senders(left[1].handle) == 1 << left[0].index


@pytest.mark.requirement("SHM-LIFE-02")
def test_a_guest_that_is_started_again_comes_back_to_the_data(deploy: Deploy) -> None:
    """It has nothing attached at first; then it finds the bytes that the others kept."""
    victim, *guests = deploy(*FREE)
    victim.attach("restarted", pages=4)
    left = [guest.attach("restarted") for guest in guests]
    left[0].fill(seed=5)
    victim.cut_power()
    started, *same = deploy(*FREE)
    assert same == guests
    assert [region.members() for region in left] == [{region.index for region in left}] * 2
    back = started.attach("restarted")
    assert (back.pages, back.differences(seed=5)) == (4, 0)
    assert back.index not in {region.index for region in left}
    assert left[0].members() == {back.index, *(region.index for region in left)}


@pytest.mark.requirement("SHM-LIFE-05")
def test_two_guests_that_end_at_once_leave_the_third_alone(deploy: Deploy) -> None:
    """Neither waits for the other."""
    *victims, guest = deploy(*FREE)
    regions = [each.attach("falling") for each in victims]
    ours = guest.attach("falling")
    ours.fill(seed=6)
    for victim in victims:
        victim.qvm.request_stop("power-cut")
    for victim in victims:
        victim.wait_end()
    assert ours.members() == {ours.index}
    assert ours.differences(seed=6) == 0
    assert ours.index not in {region.index for region in regions}


@pytest.mark.requirement("SHM-LIFE-05", "SHM-CTRL-05")
def test_a_guest_that_is_started_again_with_a_create_leaves_the_data_alone(deploy: Deploy, bench: Bench) -> None:
    """The others are in the region that its configuration creates, and keep their bytes and their connections."""
    victim, *guests = deploy(*CREATING)
    left = [guest.attach("founded") for guest in guests]
    left[0].fill(seed=23)
    victim.cut_power()
    started, *same = deploy(*CREATING)
    assert same == guests
    assert [region.differences(seed=23) for region in left] == [0, 0]
    back = started.attach("founded")
    assert (back.pages, back.differences(seed=23)) == (4, 0)
    everybody = {back.index, *(region.index for region in left)}
    members = back.members()
    assert everybody <= members
    assert len(members) == 3 + bench.profile.held_clients(1)
    assert [region.members() for region in left] == [members] * 2
