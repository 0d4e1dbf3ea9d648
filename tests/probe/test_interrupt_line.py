# SPDX-License-Identifier: Apache-2.0
"""Where a guest has its interrupt line from: ``Interrupt Line``, else ``vector``, and never a guess."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.emulator.service.client import EmulatedHost
from harness.guest.probe import IrqSource, ProbeError
from tests.probe.pair import PC_ADDRESSES, running_guest


class _MuteHost(EmulatedHost):
    """A host whose PCI functions say that their interrupt is connected to nothing."""

    def _command(self) -> list[str]:
        command = super()._command()
        assert command[1:3] == ["-m", "harness.emulator.daemon"]
        return [sys.executable, "-m", "tests.probe.mute_host", *command[3:]]


def test_a_function_that_does_not_say_its_line_has_the_one_of_its_factory_page(tmp_path: Path) -> None:
    with (
        _MuteHost(log=tmp_path / "host.log") as host,
        host.client() as client,
        running_guest(host, client, tmp_path, "x86_64", "vdev shmem") as probe,
    ):
        (device,) = probe.find()
        assert device.pci is not None
        assert device.pci.interrupt_line == 0xFF
        assert device.interrupt == probe.factory().vector == 20
        probe.attach("alone", 1)
        probe.irq_on("pin")
        probe.notify(1 << 0)
        assert probe.irq_wait(60).interrupts >= 1


def test_a_line_that_nothing_tells_is_refused(tmp_path: Path) -> None:
    device = f"vdev shmem loc {PC_ADDRESSES[0]:#x}"
    sources: tuple[IrqSource, ...] = ("pin", "vector")
    with (
        EmulatedHost(overrides={"loc_without_intr": "accepted"}, log=tmp_path / "host.log") as host,
        host.client() as client,
        running_guest(host, client, tmp_path, "x86_64", device) as probe,
    ):
        probe.register_device(PC_ADDRESSES[0], 0, edge=True)
        assert probe.factory().vector == 0
        for source in sources:
            with pytest.raises(ProbeError, match="0 is no line, and nothing tells the device's") as caught:
                probe.irq_on(source)
            assert caught.value.kind == "state"
