# SPDX-License-Identifier: Apache-2.0
"""Several devices in one guest, in memory, on PCI, and in both places: none knows of the other."""

from __future__ import annotations

import pytest

from fixtures.access import Access
from fixtures.bench import Bench
from fixtures.configuration import Options
from fixtures.deployment import Deploy
from fixtures.guest import Guest
from fixtures.running.senders import wait_senders
from harness.shmem.registers import SIGNATURE
from harness.shmem.status import Status

pytestmark = pytest.mark.only(guest_image=["probe"])

SECONDS = 20.0


def check_independent(guest: Guest, peer: Guest, access: Access) -> None:
    """The first device may use names that begin with a, the second those that begin with b.

    Registers, regions, signals and the end of a connection of one device leave the other alone; the peer has one
    device without rules.
    """
    for vdev, name in ((0, "a1"), (1, "b1")):
        assert guest.request(name, vdev=1 - vdev).status == access.refusal
    ours = [guest.attach("a1", 1, vdev=0), guest.attach("b1", 2, vdev=1)]
    theirs = [peer.attach("a1"), peer.attach("b1")]
    assert [region.pages for region in theirs] == [1, 2]
    for vdev, region in enumerate(ours):
        guest.select(vdev)
        registers = guest.registers()
        assert (registers.signature, registers.shmem) == (SIGNATURE, region.address)
        assert registers.name.startswith(b"a1\0" if vdev == 0 else b"b1\0")
        region.fill(seed=vdev)
    assert [region.differences(seed=seed) for seed, region in enumerate(theirs)] == [0, 0]
    for region in (*ours, *theirs):
        region.pending()
    theirs[1].signal(ours[1].index)
    assert [region.pending() for region in ours] == [set(), {theirs[1].index}]
    ours[0].detach()
    assert [len(region.members()) for region in theirs] == [1, 2]
    assert ours[1].differences(seed=1) == 0


def check_interrupts(guest: Guest, peer: Guest) -> None:
    """A signal in a region of one device interrupts on the line of that device."""
    ours = [guest.attach(name, vdev=vdev) for vdev, name in enumerate(("a2", "b2"))]
    theirs = [peer.attach("a2"), peer.attach("b2")]
    for vdev in (0, 1):
        guest.listen(vdev=vdev)
        for region in ours:
            region.pending()
        for other in (1 - vdev, vdev):
            theirs[other].signal(ours[other].index)
        sender = 1 << theirs[vdev].index
        assert wait_senders(ours[vdev], sender, SECONDS) == sender
        assert ours[1 - vdev].pending() == {theirs[1 - vdev].index}
        guest.probe.irq_off()


TWO: tuple[Options, Options] = (("allow a*", "allow b*"), "")


@pytest.mark.requirement("SHM-MMIO-07")
@pytest.mark.only(placement=["mmio"])
def test_two_devices_in_memory_are_independent(deploy: Deploy, access: Access) -> None:
    """Registers, rules, regions and signals are separate."""
    guest, peer = deploy(*TWO)
    check_independent(guest, peer, access)


@pytest.mark.requirement("SHM-MMIO-07")
@pytest.mark.only(placement=["mmio"])
def test_two_devices_in_memory_interrupt_on_their_own_lines(deploy: Deploy) -> None:
    """Each device interrupts on the line of its ``intr``."""
    guest, peer = deploy(*TWO)
    check_interrupts(guest, peer)


@pytest.mark.requirement("SHM-PCI-01")
@pytest.mark.only(placement=["pci"])
def test_two_functions_are_independent(deploy: Deploy, access: Access) -> None:
    """Registers, rules, regions, signals and interrupts are separate."""
    guest, peer = deploy(*TWO)
    check_independent(guest, peer, access)
    check_interrupts(guest, peer)


@pytest.mark.requirement("SHM-PCI-01", "SHM-MMIO-01")
@pytest.mark.only(placement=["pci"])
@pytest.mark.parametrize("mapped", [0, 1], ids=["memory first", "PCI first"])
def test_a_function_and_a_device_in_memory_are_independent(
    deploy: Deploy, access: Access, bench: Bench, mapped: int
) -> None:
    """Both are in one guest, in either order of the configuration."""
    if not bench.config.mmio:
        pytest.skip(f"bench {bench.name} has no place for memory-mapped devices")
    rules = ["allow a*", "allow b*"]
    rules[mapped] = f"{bench.config.mmio[0].options} {rules[mapped]}"
    guest, peer = deploy((rules[0], rules[1]), "")
    assert sorted(device.placement for device in guest.devices()) == ["mmio", "pci"]
    check_independent(guest, peer, access)
    check_interrupts(guest, peer)


UNLIKE: tuple[Options, Options] = (("allow a*", "deny b*"), ("", "allow a*"))


def check_lists(guests: tuple[Guest, ...], access: Access) -> None:
    """Check names that no rule covers: the rules of the other device do not affect them."""
    tables = (
        ({"a3": True, "b3": False, "c3": False}, {"a3": True, "b3": False, "c3": True}),
        ({"a3": True, "b3": True, "c3": True}, {"a3": True, "b3": False, "c3": False}),
    )
    for guest, devices in zip(guests, tables, strict=True):
        for vdev, table in enumerate(devices):
            answers = {name: guest.request(name, vdev=vdev).status for name in table}
            guest.detach_all()
            expected = {name: Status.OK if permitted else access.refusal for name, permitted in table.items()}
            assert answers == expected, f"{guest.name}, device {vdev}"


@pytest.mark.requirement("SHM-MMIO-07")
@pytest.mark.only(placement=["mmio"])
def test_lists_of_two_devices_in_memory_end_each_in_its_own_way(deploy: Deploy, access: Access) -> None:
    """One device has an allow, the other only a deny or no rule."""
    check_lists(deploy(*UNLIKE), access)


@pytest.mark.requirement("SHM-PCI-01")
@pytest.mark.only(placement=["pci"])
def test_lists_of_two_functions_end_each_in_its_own_way(deploy: Deploy, access: Access) -> None:
    """One device has an allow, the other only a deny or no rule."""
    check_lists(deploy(*UNLIKE), access)
