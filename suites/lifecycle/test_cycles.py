# SPDX-License-Identifier: Apache-2.0
"""Attaching and detaching over and over: whether it goes on working, and what the host has left of it."""

from __future__ import annotations

import pytest

from fixtures.api import RESOURCES, Resources
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Line
from fixtures.records import Metrics, Observations
from harness.shmem.status import Status

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")
# The first cycles make what is then kept: caches of the host, page tables.
WARM = 50
# What leaks grows with the cycles; a log that is reopened or a stack that grows is one more, once.
ONCE = 2
# Every so many cycles something else is done, too.
_SELDOM = 5
_IMPOSSIBLE = 0x7FFF_FFFF
_WAYS: tuple[Line, ...] = ("pin", "message")
# More than a counter of eight bits can count.
MANY = 300


@pytest.mark.parametrize("cycles", [MANY, pytest.param(10_000, marks=pytest.mark.nightly)])
@pytest.mark.requirement("SHM-LIFE-02", "SHM-LIFE-06")
def test_balanced_cycles(
    deploy: Deploy, bench: Bench, metrics: Metrics, observations: Observations, cycles: int
) -> None:
    """A guest comes and goes; another one stays and sees it each time. Host and guests are weighed before and after.

    Now and then it listens, by each way that it has, and no more, and asks for what it may not have.

    Memory is only a figure: allocators take it and give it back as they like, in no two runs alike. Where the host does
    not report its resources, nobody is weighed.
    """
    guest, peer, _ = deploy(*FREE)
    theirs = peer.attach("worn", pages=16)
    before = _after_cycles(deploy, bench, WARM)
    after = _after_cycles(deploy, bench, cycles)
    assert theirs.members() == {theirs.index}
    observations.record("balanced cycles that succeeded", cycles)
    growth: dict[tuple[str, str], int] = {}
    for name, who in (("host", "host"), (guest.name, "guest"), (peer.name, "peer")):
        if name not in after:
            continue
        for kind in ("memory", "descriptors", "mappings"):
            value, reference = getattr(after[name], kind), getattr(before[name], kind)
            if kind != "memory":
                growth[who, kind] = value - reference
                observations.record(f"growth of the {who}'s {kind}", growth[who, kind])
            unit = "bytes" if kind == "memory" else "count"
            metrics.record(
                name=f"{who} {kind} after {cycles} cycles", unit=unit, value=value, reference=reference, better="lower"
            )
    grown = {whose: more for whose, more in growth.items() if more > ONCE}
    assert not grown, f"after {cycles} cycles: {grown}"


def _after_cycles(deploy: Deploy, bench: Bench, cycles: int) -> dict[str, Resources]:
    """What everybody holds after so many cycles, each of which has to succeed; nothing where the host does not say."""
    guest = deploy(*FREE)[0]
    ways: list[Line] = [way for way in _WAYS if guest.can_listen(way)]
    for cycle in range(cycles):
        guest.attach("worn", pages=16).detach()
        if cycle % _SELDOM == 0:
            for way in ways:
                guest.listen(way)
            guest.probe.irq_off()
            assert guest.request("torn", pages=_IMPOSSIBLE).status != Status.OK
    with bench.host() as host:
        return dict(host.resources()) if RESOURCES in host.capabilities else {}
