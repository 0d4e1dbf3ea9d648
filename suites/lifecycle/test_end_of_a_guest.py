# SPDX-License-Identifier: Apache-2.0
"""A virtual machine that ends, in whatever way, leaves its regions as by detach; the others go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
SECONDS = 5.0

END: dict[str, tuple[str, Callable[[Guest], object]]] = {
    "shutdown": ("SHM-LIFE-03", Guest.power_off),
    "reboot": ("SHM-LIFE-03", Guest.reboot),
    "power cut": ("SHM-LIFE-04", Guest.cut_power),
    "qvm killed": ("SHM-LIFE-05", Guest.kill),
}
ENDS = [pytest.param(how, marks=pytest.mark.requirement(requirement)) for how, (requirement, _) in END.items()]


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.requirement("SHM-LIFE-05")
def test_the_others_see_it_leave_and_go_on(deploy: Deploy, how: str) -> None:
    """The one who ends has made the region and is connected twice over; the others are told by interrupt."""
    victim, *guests = deploy(*FREE)
    gone, aside = victim.attach("common", pages=8), victim.attach("aside")
    left = [guest.attach("common") for guest in guests]
    beside = guests[0].attach("aside")
    gone.fill(seed=21)
    for guest in guests:
        guest.listen()
    everybody = {region.index for region in left}
    END[how][1](victim)
    # A host that sees qvm die may need a moment; the interrupt tells when it is done.
    for guest in guests:
        guest.probe.irq_wait(SECONDS)
    assert [region.members() for region in left] == [everybody, everybody]
    assert beside.members() == {beside.index}, f"index {aside.index} is {victim.name}'s"
    assert [region.differences(seed=21) for region in left] == [0, 0]
    left[0].fill(seed=22)
    assert left[1].differences(seed=22) == 0
    taken = guests[1].probe.irq_count().taken
    left[0].signal(left[1].index)
    assert guests[1].probe.irq_wait(SECONDS).interrupts > 0
    assert guests[1].probe.irq_count().taken > taken


@pytest.mark.requirement("SHM-LIFE-02", "SHM-LIFE-05")
def test_a_guest_that_is_started_again_comes_back_to_the_data(deploy: Deploy) -> None:
    """It has nothing attached at first; then it finds the bytes that the others kept."""
    victim, *guests = deploy(*FREE)
    victim.attach("restarted", pages=4)
    left = [guest.attach("restarted") for guest in guests]
    left[0].fill(seed=5)
    victim.cut_power()
    started, *same = deploy(*FREE)
    assert same == guests
    assert started.probe.factory().shmem == 0
    assert [len(region.members()) for region in left] == [2, 2]
    back = started.attach("restarted")
    assert (back.pages, back.differences(seed=5)) == (4, 0)
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
