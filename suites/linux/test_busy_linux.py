# SPDX-License-Identifier: Apache-2.0
"""One guest is kept busy while the other uses the region and measures."""

from __future__ import annotations

from statistics import median

import pytest

from fixtures.deployment import Deploy
from fixtures.guest import Guest
from fixtures.records import Metrics
from harness.shmem.registers import PAGE_SIZE

pytestmark = pytest.mark.only(guest_image=["linux"], placement=["pci"], via=["ssh"])

FREE = ("", "")
PAGES = 256
PIECE = 1 << 20
PIECES = 8
ROUNDS = 3


def busy(guest: Guest, address: int) -> None:
    """Processor, memory and the region: endless work in the background, until ``idle``."""
    guest.linux.run("cat /dev/urandom >/dev/null 2>&1 & echo $! >/run/busy")
    guest.linux.run(
        "(while :; do dd if=/dev/zero of=/tmp/busy bs=1M count=8; done) >/dev/null 2>&1 & echo $! >>/run/busy"
    )
    loop = f"(while :; do probe load {address + PAGE_SIZE:#x} {PAGES * PAGE_SIZE}; done) >/dev/null 2>&1"
    guest.linux.run(f"{loop} & echo $! >>/run/busy")


def idle(guest: Guest) -> None:
    """End what ``busy`` has begun."""
    guest.linux.run("kill $(cat /run/busy); rm /tmp/busy")


@pytest.mark.quiet
@pytest.mark.requirement("SHM-PERF-01")
def test_the_other_measures_on(deploy: Deploy, metrics: Metrics) -> None:
    """The bytes stay right, and the region is as fast as private memory of the guest under the same load."""
    worker, guest = deploy(*FREE)
    theirs, ours = worker.attach("busy", pages=PAGES), guest.attach("busy", pages=PAGES)
    busy(worker, theirs.address)
    try:
        speeds = []
        for seed in range(ROUNDS):
            ours.fill(seed=seed)
            assert ours.differences(seed=seed) == 0
            assert theirs.differences(seed=seed) == 0
            speeds.append(ours.speeds("read", block=65536, piece=PIECE, count=PIECES))
    finally:
        idle(worker)
    assert ours.members() == {ours.index, theirs.index}
    metrics.record(
        name="throughput read beside a busy guest",
        unit="MB/s",
        value=median(one.region for one in speeds),
        reference=median(one.private for one in speeds),
        block_bytes=65536,
        samples=[one.region for one in speeds],
        reference_samples=[one.private for one in speeds],
    )
