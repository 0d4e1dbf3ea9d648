# SPDX-License-Identifier: Apache-2.0
"""The device at an address of the configuration: a vdev with ``loc`` and ``intr``."""

from __future__ import annotations

import pytest

from fixtures.attempts import Try
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from harness.shmem.registers import PAGE_SIZE, SIGNATURE

pytestmark = pytest.mark.only(guest_image=["probe"], placement=["mmio"])

FREE = ("", "", "")
SECONDS = 20.0
# Of the GIC, whose lines have ten bits: around a byte's limit, and others beyond.
HIGH_LINES = ((255, 256), (260, 287))
device_tree = pytest.mark.lg_feature("device-tree")


@pytest.mark.requirement("SHM-MMIO-01")
def test_the_signature_is_at_the_address(deploy: Deploy, bench: Bench) -> None:
    """The registers behind it work: a region can be created."""
    guest, peer, _ = deploy(*FREE)
    assert guest.read("phys", bench.config.mmio[0].loc, 8) == SIGNATURE
    region = guest.attach("placed")
    assert region.members() == {region.index}
    assert len(peer.attach("placed").members()) == 2


@pytest.mark.requirement("SHM-MMIO-02")
def test_there_is_no_pci_function(deploy: Deploy) -> None:
    """This holds for one device and for several."""
    (guest,) = deploy(("", ""))
    assert [device.pci for device in guest.devices() if device.pci] == []


@pytest.mark.requirement("SHM-MMIO-03")
def test_vector_is_the_line_of_the_configuration(deploy: Deploy, bench: Bench) -> None:
    """This holds for each device."""
    (guest,) = deploy(("", ""))
    for vdev, location in enumerate(bench.config.mmio[:2]):
        guest.select(vdev)
        assert guest.registers().vector == location.line


@device_tree
@pytest.mark.requirement("SHM-MMIO-04")
def test_the_device_tree_has_a_node(deploy: Deploy, bench: Bench) -> None:
    """A guest finds each device by the node's compatible and its first reg, which is a page at least."""
    (guest,) = deploy(("", ""))
    found = [device for device in guest.devices() if device.placement == "mmio"]
    assert sorted(device.factory for device in found) == sorted(location.loc for location in bench.config.mmio[:2])
    assert {device.signature for device in found} == {SIGNATURE}
    assert [device.covers for device in found if device.covers < PAGE_SIZE] == []


@device_tree
@pytest.mark.requirement("SHM-MMIO-05")
def test_the_trigger_of_the_node_is_that_of_the_profile(deploy: Deploy, bench: Bench) -> None:
    """A level or an edge (``interrupt_shape``), for each device; a driver asks the tree for it."""
    (guest,) = deploy(("", ""))
    found = [device.edge for device in guest.devices() if device.placement == "mmio"]
    assert found == [bench.profile.interrupt_shape == "edge"] * 2


@device_tree
@pytest.mark.requirement("SHM-MMIO-05")
def test_the_interrupt_of_the_node_is_the_line_of_the_configuration(deploy: Deploy, bench: Bench) -> None:
    """This holds for each device; a signal arrives on that line."""
    guest, peer = deploy(("", ""), "")
    lines = {device.factory: device.interrupt for device in guest.devices()}
    assert lines == {location.loc: location.line for location in bench.config.mmio[:2]}
    for vdev in (0, 1):
        ours = guest.attach(f"line{vdev}", vdev=vdev)
        guest.listen("pin", vdev=vdev)
        theirs = peer.attach(f"line{vdev}")
        assert guest.wait_interrupts(SECONDS).interrupts == 1
        theirs.signal(ours.index)
        assert guest.wait_interrupts(SECONDS).interrupts == 1


@device_tree
@pytest.mark.parametrize("lines", HIGH_LINES, ids=lambda lines: "-".join(map(str, lines)))
@pytest.mark.requirement("SHM-MMIO-05")
def test_a_line_of_a_high_number_is_the_interrupt(deploy: Deploy, bench: Bench, lines: tuple[int, int]) -> None:
    """This holds for two devices, in the device tree as well as in the guest."""
    if not set(lines) <= set(bench.config.free_lines):
        pytest.skip(f"bench {bench.name} does not say that these lines are free in a guest (gic_lines)")
    one, two = (
        f"loc {location.loc:#x} intr gic:{line}" for location, line in zip(bench.config.mmio, lines, strict=False)
    )
    guest, peer = deploy((one, two), "")
    assert [device.interrupt for device in sorted(guest.devices(), key=lambda device: device.factory)] == [*lines]
    for vdev, line in enumerate(lines):
        ours, theirs = guest.attach(f"line{line}", vdev=vdev), peer.attach(f"line{line}")
        ours.pending()
        guest.listen("pin", vdev=vdev)
        theirs.signal(ours.index)
        waited = guest.wait_interrupts(SECONDS)
        assert waited.senders(ours.handle) == 1 << theirs.index, f"line {line}"


@pytest.mark.requirement("SHM-MMIO-06")
def test_an_address_without_an_interrupt_is_rejected(attempt: Try, bench: Bench) -> None:
    """qvm ends, and if it names a line it is one of the device."""
    option = f"loc {bench.config.mmio[0].loc:#x}"
    tried = attempt(f"vdev shmem\n    {option}\n")
    assert tried.status is not None
    assert tried.blamed <= {tried.line_of(words) for words in (option, "vdev shmem")}
