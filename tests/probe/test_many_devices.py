# SPDX-License-Identifier: Apache-2.0
"""A guest with as many ``vdev shmem`` as the machine can have; drivers for the real device use up to 26 in one VM."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from harness.arch import Arch
from harness.emulator.machine.placement import MAX_DEVICES
from harness.emulator.service.client import EmulatedHost
from harness.guest.probe import IrqSource
from harness.shmem.registers import PAGE_SIZE
from harness.shmem.status import Status
from tests.probe.pair import Placement, running_guest

_FIRST_LINE: Final = 40


def _device(placement: Placement, number: int) -> str:
    """Memory-mapped devices have pages and lines one after the other."""
    if placement == "pci":
        return "vdev shmem"
    return f"vdev shmem loc {0x1C05_0000 + number * PAGE_SIZE:#x} intr gic:{_FIRST_LINE + number}"


@pytest.mark.parametrize(
    ("arch", "placement", "how", "count"),
    [
        ("aarch64", "mmio", "pin", 26),
        ("x86_64", "pci", "message", 18),
        *(
            pytest.param(arch, placement, how, MAX_DEVICES, marks=pytest.mark.long)
            for arch, placement, how in (
                ("aarch64", "mmio", "pin"),
                ("aarch64", "pci", "pin"),
                ("x86_64", "pci", "message"),
            )
        ),
    ],
)
def test_each_of_many_devices_attaches_to_a_region_of_its_own(
    tmp_path: Path, arch: Arch, placement: Placement, how: IrqSource, count: int
) -> None:
    devices = "\n".join(_device(placement, number) for number in range(count))
    with (
        EmulatedHost(log=tmp_path / "host.log") as host,
        host.client() as client,
        running_guest(host, client, tmp_path, arch, devices) as probe,
    ):
        found = probe.find()
        assert [device.placement for device in found] == [placement] * count
        assert len({device.factory for device in found}) == count
        addresses = []
        for number in range(count):
            probe.select(number)
            attachment = probe.attach(f"region{number}", 1)
            assert attachment.status == Status.OK, number
            addresses.append(attachment.shmem)
            probe.fill(0, PAGE_SIZE, number, handle=attachment.handle)
        assert len(set(addresses)) == count
        assert sorted(region.name for region in client.regions()) == sorted(f"region{n}" for n in range(count))
        for handle in probe.handles():
            assert probe.verify(0, PAGE_SIZE, int(handle.handle), handle=handle.handle).mismatches == 0
        # The interrupt is the one of the last device, which was selected last.
        probe.irq_on(how)
        client.attach(f"region{count - 1}").notify(1)
        assert probe.irq_wait(60).interrupts >= 1


def test_a_line_goes_on_for_those_who_share_it_when_the_first_one_stops(tmp_path: Path) -> None:
    """A PC's functions have four lines, or eight."""
    with (
        EmulatedHost(log=tmp_path / "host.log") as host,
        host.client() as client,
        running_guest(host, client, tmp_path, "x86_64", "\n".join(["vdev shmem"] * 9)) as probe,
    ):
        by_line: dict[int, list[int]] = {}
        for device in probe.find():
            by_line.setdefault(device.interrupt, []).append(device.device)
        first, second = next(devices[:2] for devices in by_line.values() if len(devices) > 1)
        for number in (first, second):
            probe.select(number)
            probe.attach(f"region{number}", 1)
            probe.irq_on("pin")
        probe.select(first)
        probe.irq_off()
        probe.select(second)
        client.attach(f"region{second}").notify(1)
        waited = probe.irq_wait(60)
        assert (waited.interrupts >= 1, waited.timed_out) == (True, False)
