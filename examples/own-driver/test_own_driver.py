# SPDX-License-Identifier: Apache-2.0
"""A driver of one's own in a Linux guest meets another guest in a region, and is kept out of those it may not use."""

from __future__ import annotations

import pytest

from fixtures.configuration import On
from fixtures.deployment import Deploy

pytestmark = pytest.mark.only(guest_image=["linux"])

LISTS = ("allow talk", On("probe", "allow *"))
STATE = "cat /sys/bus/pci/drivers/guest_shm/*/state"


@pytest.mark.requirement("SHM-ALLOW-03")
def test_the_driver_attaches_to_the_region_of_a_peer(deploy: Deploy) -> None:
    """The peer, which has no operating system, sees it come and go."""
    guest, peer = deploy(*LISTS)
    region = peer.attach("talk")
    assert guest.linux.run("modprobe guest_shm region=talk").text == ""
    assert len(region.members()) == 2
    assert f"index {1 - region.index}" in guest.linux.run(STATE).lines
    assert guest.linux.run("rmmod guest_shm").status == 0
    assert region.members() == {region.index}


@pytest.mark.requirement("SHM-ALLOW-04")
def test_the_driver_is_refused_what_the_list_does_not_allow(deploy: Deploy) -> None:
    """The module is loaded, but takes no device."""
    guest, peer = deploy(*LISTS)
    region = peer.attach("brakes")
    guest.linux.run("modprobe guest_shm region=brakes")
    assert guest.linux.run(STATE).status != 0
    assert region.members() == {region.index}
    assert guest.linux.run("rmmod guest_shm").status == 0
