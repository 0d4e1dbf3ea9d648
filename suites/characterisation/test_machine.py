# SPDX-License-Identifier: Apache-2.0
"""How the device is built into the guest's machine, where the documents leave it open. Nothing is judged."""

from __future__ import annotations

import pytest

from fixtures.api import PATHS
from fixtures.attempts import Try
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.hostside import demand
from fixtures.records import Observations
from harness.shmem.registers import PCI_STATUS, PCI_STATUS_INTERRUPT

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.every_release]

FREE = ("", "", "")
DEVICES = 3
pci = pytest.mark.only(placement=["pci"])


@pci
@pytest.mark.requirement("SHM-OPEN-13")
def test_the_pci_function(deploy: Deploy, observations: Observations) -> None:
    """What its configuration space says, and whether messages arrive in this guest."""
    guest, _, _ = deploy(*FREE)
    function = guest.devices()[0].pci
    assert function is not None
    observations.record("class code and revision", f"{function.class_code:#08x}, {function.revision}")
    observations.record("interrupt pin", function.interrupt_pin)
    for bar in function.bars:
        kind = f"{'64' if bar.wide else '32'} bits, {'prefetchable ' if bar.prefetchable else ''}{bar.space}"
        observations.record(f"BAR {bar.bar}", f"{bar.size:#x} bytes, {kind}")
    observations.record("message-signalled interrupts in this guest", guest.can_listen("message"))
    observations.record("pci_vector", _vector(guest.registers().vector, guest.devices()[0].interrupt))


@pci
@pytest.mark.requirement("SHM-OPEN-13")
def test_the_order_of_functions(deploy: Deploy, observations: Observations) -> None:
    """Which function each device of a configuration is. Suites take the order of the bus for that of the text."""
    (guest,) = deploy(tuple(f"allow {number}" for number in range(DEVICES)))
    order = []
    for place in range(DEVICES):
        answers = {number: guest.request(str(number), vdev=place).region for number in range(DEVICES)}
        order.append([number for number, region in answers.items() if region is not None])
        guest.detach_all()
    observations.record("devices of the configuration in the order of the bus", order)


@pci
@pytest.mark.requirement("SHM-OPEN-13")
def test_the_interrupt_status_of_the_pci_function(deploy: Deploy, observations: Observations) -> None:
    """Bit 3 of the status register without and with an unread change."""
    guest, peer, _ = deploy(*FREE)
    ours, theirs = guest.attach("status"), peer.attach("status")
    ours.pending()
    quiet = guest.probe.load_configuration(guest.device(0), PCI_STATUS, 2)
    theirs.signal(ours.index)
    told = guest.probe.load_configuration(guest.device(0), PCI_STATUS, 2)
    seen = (quiet & PCI_STATUS_INTERRUPT, told & PCI_STATUS_INTERRUPT)
    readings = {(0, 0): "zero", (0, PCI_STATUS_INTERRUPT): "shown"}
    observations.record("pci_interrupt_status", readings.get(seen, f"{seen[0]:#x} before, {seen[1]:#x} with a change"))


def _vector(vector: int, line: int) -> str:
    """The reading of the profile, or the numbers."""
    if vector == 0:
        return "zero"
    return "pin-line" if vector == line else f"{vector}, and the pin's line is {line}"


@pytest.mark.only(placement=["mmio"])
@pytest.mark.lg_feature("device-tree")
@pytest.mark.requirement("SHM-OPEN-14")
def test_the_trigger_in_the_device_tree(deploy: Deploy, observations: Observations) -> None:
    """The trigger of the node's interrupt is recorded."""
    guest, _, _ = deploy(*FREE)
    observations.record("interrupt_shape in the device tree", "edge" if guest.devices()[0].edge else "level")


@pci
@pytest.mark.requirement("SHM-OPEN-30")
def test_combinations_that_are_not_meant(attempt: Try, bench: Bench, observations: Observations) -> None:
    """Each is accepted, or rejected with an exit status and a message."""
    if len(bench.config.mmio) < 2:
        pytest.skip(f"bench {bench.name} has no two places for memory-mapped devices")
    one, two = bench.config.mmio[:2]
    for field, text in {
        "loc_without_intr": f"vdev shmem loc {one.loc:#x}",
        "intr_without_loc": f"vdev shmem intr {one.intr}",
        "loc_collision": f"vdev shmem {one.options} vdev shmem loc {one.loc:#x} intr {two.intr}",
        "intr_collision": f"vdev shmem {one.options} vdev shmem loc {two.loc:#x} intr {one.intr}",
        "bare_loc": "vdev shmem loc\n",
        "permission_options": "vdev shmem umask 022",
        "gid_without_mode": "vdev shmem create grouped,4096,,0",
    }.items():
        tried = attempt(text)
        observations.record(f"{field}: qvm's exit status", tried.status)
        observations.record(field, "accepted" if tried.status is None else "rejected")


@pci
@pytest.mark.requirement("SHM-OPEN-31")
def test_a_named_vdev_below_dev_qvm(deploy: Deploy, bench: Bench, observations: Observations) -> None:
    """``name`` is a common option of all vdevs."""
    demand(bench, PATHS)
    (guest,) = deploy("name talk")
    with bench.host() as host:
        there = host.path_exists(f"/dev/qvm/{guest.name}/talk")
    observations.record("dev_node", "present" if there else "absent")


@pci
@pytest.mark.requirement("SHM-OPEN-32")
def test_a_pci_bus(attempt: Try, bench: Bench, observations: Observations) -> None:
    """A vdev without an address; of interest where the guest is on ARM."""
    tried = attempt("vdev shmem")
    present = "present" if tried.status is None else "absent"
    observations.record("arm_pci" if bench.config.architecture == "aarch64" else "PCI bus", present)
