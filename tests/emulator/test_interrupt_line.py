# SPDX-License-Identifier: Apache-2.0
"""The wire of a device's interrupt, which a guest that runs early can be without at first."""

from __future__ import annotations

import asyncio

import pytest

from harness.shmem import registers as reg
from harness.shmem.profile import Profile
from tests.emulator.devices import bench


class CountedLine:
    """Repeats at once; ``pulses`` has how often it was raised."""

    repeat_after = 0.001

    def __init__(self) -> None:
        self.pulses = 0

    def pulse(self) -> None:
        """One more."""
        self.pulses += 1


@pytest.mark.parametrize("shape", ["level", "edge"])
def test_a_change_from_before_the_wire_is_raised_on_it(shape: str) -> None:
    async def run() -> None:
        with bench(Profile.load("7.0", {"interrupt_shape": shape})) as host:
            guest, peer = host.device(), host.device(system="two")
            guest.request("talk")
            peer.request("talk")
            line = guest.device.interrupt.line = CountedLine()
            assert line.pulses == 1
            if shape == "level":
                async with asyncio.timeout(60):
                    while line.pulses < 3:
                        await asyncio.sleep(0.001)
            guest.control(reg.CONTROL_STATUS_OFFSET)

    asyncio.run(run())


def test_a_wire_is_quiet_when_nothing_has_changed() -> None:
    async def run() -> None:
        with bench(Profile.load("7.0")) as host:
            guest = host.device()
            guest.request("talk")
            line = guest.device.interrupt.line = CountedLine()
            assert line.pulses == 0

    asyncio.run(run())
