# SPDX-License-Identifier: Apache-2.0
"""Places and interrupt lines from public configurations for the real device, as they stand there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.arch import Arch
from harness.emulator.machine.board import ChipSet
from harness.emulator.service.client import EmulatedHost, HostClient
from harness.guest.probe import Probe
from tests.probe.pair import running_guest


@contextlib.contextmanager
def _guest(folder: Path, arch: Arch, device: str, chip_set: ChipSet = "q35") -> Iterator[tuple[Probe, HostClient]]:
    with (
        EmulatedHost(log=folder / "host.log", chip_set=chip_set) as host,
        host.client() as client,
        running_guest(host, client, folder, arch, device) as probe,
    ):
        yield probe, client


def _is_told_of_each_signal(probe: Probe, client: HostClient) -> None:
    probe.attach("bell", 1)
    probe.irq_on("pin")
    program = client.attach("bell")
    assert probe.irq_wait(60).interrupts >= 1
    for _ in range(5):
        program.notify(1)
        assert probe.irq_wait(60).interrupts >= 1


@pytest.mark.parametrize("line", range(35, 39))
def test_a_device_has_a_line_that_pci_devices_could_have(tmp_path: Path, line: int) -> None:
    with _guest(tmp_path, "aarch64", f"vdev shmem loc 0x1c050000 intr gic:{line}") as (probe, client):
        assert probe.factory().vector == line
        _is_told_of_each_signal(probe, client)


@pytest.mark.parametrize("chip_set", ["q35", "pc"])
def test_the_example_of_the_manual_works_on_a_pc(tmp_path: Path, chip_set: ChipSet) -> None:
    device = "vdev shmem loc 0x10000000 intr myioapic:10"
    with _guest(tmp_path, "x86_64", device, chip_set) as (probe, client):
        assert probe.register_device(0x1000_0000, 10).signature is not None
        assert probe.factory().vector == 10
        _is_told_of_each_signal(probe, client)


@pytest.mark.parametrize("line", [20, 23])
def test_a_pc_has_the_inputs_of_pci_devices_that_are_not_there(tmp_path: Path, line: int) -> None:
    with _guest(tmp_path, "x86_64", f"vdev shmem loc 0x90000000 intr myioapic:{line}") as (probe, client):
        probe.register_device(0x9000_0000, line)
        _is_told_of_each_signal(probe, client)


@pytest.mark.parametrize("chip_set", ["q35", "pc"])
def test_the_interrupt_line_of_a_pci_function_is_the_vector_of_its_factory_page(
    tmp_path: Path, chip_set: ChipSet
) -> None:
    """Whatever the firmware has written there; a driver takes one or the other."""
    with _guest(tmp_path, "x86_64", "vdev shmem\n" * 4, chip_set) as (probe, client):
        for device in probe.find():
            assert device.pci is not None
            probe.select(device.device)
            assert device.pci.interrupt_line == probe.factory().vector == device.interrupt
        _is_told_of_each_signal(probe, client)
