# SPDX-License-Identifier: Apache-2.0
"""A Linux guest that restarts or breaks while it is attached: its peer goes on and sees it leave.

The last file of its folder by its name: for others, the guest that the last test ends would have to boot once more.
"""

from __future__ import annotations

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region

pytestmark = pytest.mark.only(guest_image=["linux"], placement=["pci"], via=["ssh"])

FREE = ("", "")

# Each ends the guest a moment after the shell has answered.
RESTART = "(sleep 0.2; reboot -f) >/dev/null 2>&1 &"
SHUTDOWN = "(sleep 0.2; poweroff -f) >/dev/null 2>&1 &"
PANIC = "echo 1 >/proc/sys/kernel/panic; (sleep 0.2; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &"
HANG = "echo 0 >/proc/sys/kernel/panic; (sleep 0.2; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &"


def attached(*guests: Guest) -> list[Region]:
    """Connections of all of them to one region with known bytes."""
    regions = [guest.attach("surviving", pages=16) for guest in guests]
    regions[0].fill(seed=16)
    return regions


def goes_on(region: Region) -> None:
    """The one who is left is alone, has the bytes, and can go on writing."""
    assert region.members() == {region.index}
    assert region.differences(seed=16) == 0
    region.fill(seed=17)
    assert region.differences(seed=17) == 0


@pytest.mark.parametrize("how", [pytest.param(RESTART, id="restart"), pytest.param(SHUTDOWN, id="shutdown")])
@pytest.mark.requirement("SHM-LIFE-03")
def test_a_guest_that_ends_in_order(deploy: Deploy, how: str) -> None:
    """The kernel restarts or switches off; nobody has detached."""
    victim, guest = deploy(*FREE)
    _, ours = attached(victim, guest)
    victim.linux.run(how)
    assert victim.wait_end() == 0
    goes_on(ours)


@pytest.mark.requirement("SHM-LIFE-05")
def test_a_kernel_that_panics_and_restarts(deploy: Deploy) -> None:
    """The panic itself goes to the console; after a second the kernel restarts the guest."""
    victim, guest = deploy(*FREE)
    _, ours = attached(victim, guest)
    victim.linux.run(PANIC)
    assert victim.wait_end() == 0
    goes_on(ours)


@pytest.mark.requirement("SHM-LIFE-04")
def test_a_kernel_that_panics_and_stays_there(deploy: Deploy) -> None:
    """It is still attached, as nothing has told the device otherwise; its end is that of the virtual machine."""
    victim, guest = deploy(*FREE)
    theirs, ours = attached(victim, guest)
    victim.linux.run(HANG)
    victim.wait_said("Kernel panic")
    assert ours.members() == {ours.index, theirs.index}
    victim.cut_power()
    goes_on(ours)
