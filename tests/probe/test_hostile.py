# SPDX-License-Identifier: Apache-2.0
"""A hostile guest survives its own attacks, and the device protects the memory of others from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.arch import ARCHES, Arch
from harness.shmem.registers import PAGE_SIZE
from tests.probe.pair import running_pair


@pytest.mark.parametrize("arch", ARCHES)
def test_a_rampage_ends_in_order(arch: Arch, tmp_path: Path) -> None:
    with running_pair(arch, "pci", tmp_path) as pair:
        mark = 0x5EC2E75EC2E75EC2
        pair.one.attach("secret", 16)
        pair.one.stamp(0, 16 * PAGE_SIZE, 8, mark)
        (device,) = pair.two.find()
        assert device.pci is not None
        window = device.pci.bars[-1]
        wild = pair.two.rampage(0.3, 4711, mark, window.address, window.size)
        print(f"{arch}: {wild}")
        assert min(wild.reads, wild.writes) > 100
        assert wild.hits == 0
        assert (wild.faults > 0) == (arch == "aarch64"), "misaligned accesses to device memory fault on Arm only"
        assert pair.two.identify().architecture == arch
        assert pair.one.scan_physical(pair.one.factory().shmem + PAGE_SIZE, 16 * PAGE_SIZE, needle=mark).hits == 8192
