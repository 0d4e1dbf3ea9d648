# SPDX-License-Identifier: Apache-2.0
"""Random histories of three to five guests and a program of the host: whatever happens, all of them see what the
reference model says.

A history is run once for each setting and stops at the first difference; the test fails whose topic that is. The
message has the steps, as few as could be found, and ``harness replay`` repeats them.
"""

from __future__ import annotations

import pytest

from fixtures.model import History
from fixtures.records import Metrics

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.every_release, pytest.mark.drawn]


@pytest.mark.requirement("SHM-ALLOW-01", "SHM-ALLOW-04", "SHM-DENY-01", "SHM-DENY-02", "SHM-DENY-04", "SHM-SUBST-01")
def test_who_may_have_which_region(history: History) -> None:
    """Requests of any name are granted or refused as the restrictions list says, in any state."""
    history.must_agree(["access"])


@pytest.mark.requirement("SHM-CREATE-02", "SHM-CREATE-03", "SHM-CREATE-04", "SHM-CREATE-05")
def test_regions_made_at_start(history: History) -> None:
    """Regions that creates make, their own or together, and guests that a create keeps from starting."""
    history.must_agree(["creation"])


@pytest.mark.requirement("SHM-PERM-01", "SHM-PERM-02", "SHM-PERM-03", "SHM-PERM-05", "SHM-PERM-07")
def test_permissions(history: History) -> None:
    """Permissions and owner groups of all regions, by the options that stand before each."""
    history.must_agree(["permissions"])


@pytest.mark.requirement("SHM-FACT-02", "SHM-FACT-03", "SHM-FACT-05", "SHM-FACT-06", "SHM-FACT-08", "SHM-STAT-01")
def test_factory_pages(history: History) -> None:
    """Every register of every device, after every request and after other guests' doings."""
    history.must_agree(["registers"])


@pytest.mark.requirement("SHM-CTRL-01", "SHM-CTRL-02", "SHM-LIFE-01", "SHM-LIFE-02", "SHM-LIFE-04", "SHM-STAT-02")
def test_who_is_in_a_region(history: History) -> None:
    """Indices and members, as each client and as the host sees them."""
    history.must_agree(["members"])


@pytest.mark.requirement("SHM-NOTIF-01", "SHM-NOTIF-02", "SHM-NOTIF-03", "SHM-NOTIF-06", "SHM-NOTIF-11", "SHM-CTRL-04")
def test_signals(history: History) -> None:
    """Pending bits: those that were sent, and no others."""
    history.must_agree(["signals"])


@pytest.mark.requirement("SHM-NOTIF-05", "SHM-NOTIF-08", "SHM-NOTIF-09", "SHM-NOTIF-10")
def test_interrupts(history: History) -> None:
    """Interrupts of devices that listen, and pulses of programs: one at least for changes, and none without."""
    history.must_agree(["interrupts"])


@pytest.mark.requirement("SHM-CTRL-05", "SHM-FACT-07", "SHM-LIFE-05", "SHM-SUBST-03", "SHM-ISOL-02", "SHM-ISOL-04")
def test_data(history: History) -> None:
    """Both ends of every page of every region, from all sides; and nothing where a region was left."""
    history.must_agree(["data"])


@pytest.mark.requirement("QVM-RUN-01")
def test_names_of_running_guests(history: History) -> None:
    """The host has the names of the virtual machines that run, however they start and end."""
    history.must_agree(["paths"])


@pytest.mark.only(placement=["pci"])
@pytest.mark.requirement("SHM-PCI-02", "SHM-PCI-03")
def test_devices_on_pci(history: History) -> None:
    """What happens with devices on PCI happens with devices in memory."""
    history.must_agree(["placement"])


@pytest.mark.only(placement=["mmio"])
@pytest.mark.requirement("SHM-MMIO-01", "SHM-MMIO-02")
def test_devices_in_memory(history: History) -> None:
    """What happens with devices in memory happens with devices on PCI."""
    history.must_agree(["placement"])


@pytest.mark.requirement("SHM-PERF-03")
def test_steps_per_second(history: History, metrics: Metrics) -> None:
    """How much was compared, and how fast."""
    tally = history.tally
    metrics.record(name="model: compared steps", unit="steps", value=tally.steps)
    metrics.record(name="model: states", unit="states", value=len(tally.states))
    metrics.record(name="model: pairs of operations", unit="pairs", value=len(tally.pairs))
    metrics.record(name="model: compared steps per second", unit="1/s", value=tally.rate)
