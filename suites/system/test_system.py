# SPDX-License-Identifier: Apache-2.0
"""The user's own system, as ``--system`` gives it: does the device do with it what the audit says?

All VMs run at once, under their own names and with the ``vdev shmem`` of their files. What the bench cannot try is
listed with the reason, in the report's chapter "System" and in the last of these tests. Linux guests try less than
probe guests do, which fixtures/system/budget.py decides.
"""

from __future__ import annotations

import pytest

from fixtures.api import conclude
from fixtures.attempts import Try
from fixtures.system.fixture import TriedSystem

pytestmark = [
    pytest.mark.system,
    pytest.mark.only(guest_image=["probe", "linux"], placement=["pci", "mmio"]),
    pytest.mark.one_placement,
    pytest.mark.one_way,
    pytest.mark.every_release,
]


@pytest.mark.requirement("SHM-SYS-01")
def test_vms_start(system: TriedSystem) -> None:
    """qvm takes the devices of every VM that the audit lets start."""
    conclude(system.starts())


@pytest.mark.one_image
@pytest.mark.requirement("SHM-SYS-01")
def test_vms_that_are_refused(system: TriedSystem, attempt: Try) -> None:
    """qvm refuses the devices of every other VM."""
    if not system.given.refused:
        pytest.skip("the release refuses no VM of the system")
    conclude(system.refusals(attempt))


@pytest.mark.requirement("SHM-SYS-02")
def test_names(system: TriedSystem) -> None:
    """Each device grants and refuses the names that the audit says, and each is the region that the audit says."""
    conclude(system.names())


@pytest.mark.requirement("SHM-SYS-03", "SHM-SYS-04")
def test_channels(system: TriedSystem) -> None:
    """The members of each channel of the policy exchange data and signals, both ways."""
    if system.given.policy is None:
        pytest.skip("there is no policy (--policy)")
    conclude(system.channels())


@pytest.mark.requirement("SHM-SYS-04")
def test_meetings(system: TriedSystem) -> None:
    """Other VMs meet where the audit says so, and nowhere else."""
    conclude(system.meetings())


@pytest.mark.one_image
@pytest.mark.requirement("SHM-SYS-05")
def test_start_orders(system: TriedSystem) -> None:
    """Started one after the other in many orders, the VMs start and the regions have the sizes that the audit says."""
    conclude(system.start_orders())


@pytest.mark.one_image
@pytest.mark.requirement("SHM-SYS-06")
def test_policy(system: TriedSystem) -> None:
    """What the VMs can reach is what the policy lists."""
    if system.given.policy is None:
        pytest.skip("there is no policy (--policy)")
    system.policy()


@pytest.mark.one_image
@pytest.mark.requirement("SHM-SYS-07")
def test_everything_was_tried(system: TriedSystem) -> None:
    """Nothing of the system is left that this bench could not try."""
    left = system.not_tried()
    if not system.asked:
        pytest.skip("no device of the system was asked for names in this run")
    if left:
        pytest.skip("not tried: " + "; ".join(f"{each.what} ({each.reason})" for each in left))
    assert not left
