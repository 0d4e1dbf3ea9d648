# SPDX-License-Identifier: Apache-2.0
"""How long a guest waits for its device: for a read of a register, a request, and leaving a region.

A few samples in every run; many, with a reference beside them by turns, with ``--figures``.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fixtures.deployment import Deploy
from fixtures.figures.accesses import Requests, register_reads, requests
from fixtures.figures.fixture import Reference, Watch
from fixtures.figures.recording import record_times
from fixtures.guest import Guest
from fixtures.records import Conditions, Metrics

pytestmark = [pytest.mark.lg_feature("performance"), pytest.mark.quiet]

# The second guest stays in the region, so that requests make none and leaving ends none.
GUESTS = ("deny refused", "")
PAGES = 16
FEW = 200
BATCHES = 24
READS = 420
REQUESTS = 100
OF_REQUESTS = "from the store of the size until the status is read"


def asker(deploy: Deploy) -> Guest:
    """A guest whose peer is in a region."""
    guest, peer = deploy(*GUESTS)
    peer.attach("granted", pages=PAGES)
    return guest


def granted(guest: Guest, count: int) -> Requests:
    """Into a region that has a client, and out of it."""
    return requests(guest, "granted", pages=PAGES, count=count, granted=True)


def refused(guest: Guest, count: int) -> Sequence[float]:
    """For a region that the list denies."""
    return requests(guest, "refused", pages=PAGES, count=count, granted=False).asked


def record_requests(
    metrics: Metrics, how: str, goes: Sequence[Requests], refusals: Sequence[Sequence[float]], conditions: Conditions
) -> None:
    """Requests of both kinds, and leaving."""
    record_times(metrics, f"request, granted{how}", [times.asked for times in goes], conditions)
    record_times(metrics, f"detach{how}", [times.left for times in goes], conditions)
    record_times(metrics, f"request, refused{how}", refusals, conditions)


@pytest.mark.requirement("SHM-PERF-07")
def test_a_read_and_requests(deploy: Deploy, metrics: Metrics) -> None:
    """Of one guest, while another one is in the region."""
    guest = asker(deploy)
    watch = Watch(guest)
    reads, goes, refusals = register_reads(guest, FEW), granted(guest, FEW), refused(guest, FEW)
    record_times(metrics, "register read", [reads], watch.conditions(mapping="device"))
    conditions = watch.conditions(pages=PAGES, mapping="device", note=OF_REQUESTS)
    record_requests(metrics, "", [goes], [refusals], conditions)


@pytest.mark.figures
@pytest.mark.requirement("SHM-PERF-07")
def test_many_reads(deploy: Deploy, metrics: Metrics, reference: Reference | None) -> None:
    """By turns with a device behind the same protocol that does nothing else than answer."""
    guest = asker(deploy)
    watch = Watch(guest)
    reads, beside = [], []
    for _ in range(BATCHES):
        reads.append(register_reads(guest, READS))
        if reference:
            beside.append(reference.register_reads(READS))
    against = "a vfio-user server in C" if reference else ""
    conditions = watch.conditions(mapping="device")
    record_times(metrics, "register read, many", reads, conditions, against=against, reference=beside)


@pytest.mark.figures
@pytest.mark.requirement("SHM-PERF-07")
def test_many_requests(deploy: Deploy, metrics: Metrics) -> None:
    """The same requests in batches, by turns."""
    guest = asker(deploy)
    watch = Watch(guest)
    batches = [(granted(guest, REQUESTS), refused(guest, REQUESTS)) for _ in range(BATCHES)]
    conditions = watch.conditions(pages=PAGES, mapping="device", note=OF_REQUESTS)
    goes, refusals = zip(*batches, strict=True)
    record_requests(metrics, ", many", goes, refusals, conditions)
