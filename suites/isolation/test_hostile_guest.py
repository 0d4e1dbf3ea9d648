# SPDX-License-Identifier: Apache-2.0
"""A guest that reads and writes everything that its device shows, at random, in every width, while others work.

Two other guests share a region that it is denied. Each of them fills its half of the region with a value that says who
wrote it and when, and checks the other one's half, all the time that the hostile guest is at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from fixtures.access import Access
from fixtures.api import Rampage
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from fixtures.records import Metrics
from fixtures.settings import Setting, devices_of_a_guest
from harness.shmem.registers import PAGE_SIZE

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.usefixtures("takes_any_access")]

RULES = "deny secret*"
DEVICES = 2
PAGES = 16
HALF = PAGES // 2 * PAGE_SIZE
# Not 0 and not all ones, which unattached pages may read; the same in every word, so that no read can miss it.
SECRET = 0x5EC2_E75E_C2E7_A11E
SEED = 20_260_901
SECONDS = 2.0


@contextmanager
def rampaging(guest: Guest, seconds: float) -> Iterator[Future[list[Rampage]]]:
    """The hostile guest at work beside the block; its console is its own, so the other guests can be asked."""
    windows = guest.windows()
    each = seconds / len(windows)

    def attack() -> list[Rampage]:
        done = []
        for number, window in enumerate(windows):
            guest.select(number % len(guest.vdevs))
            seed, address, length = SEED + number, window.start, len(window)
            done.append(guest.probe.rampage(each, seed=seed, needle=SECRET, address=address, length=length))
        return done

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(attack)


def find_what_is_permitted(hostile: Guest, peer: Guest) -> None:
    """Each device of the hostile guest has a region, in which the guest finds the secret before it is overwritten.

    So a search where the guest is at work afterwards would find what lies there.
    """
    for vdev in range(len(hostile.vdevs)):
        ours = hostile.attach(f"public{vdev}", PAGES, vdev=vdev)
        theirs = peer.attach(f"public{vdev}")
        theirs.mark_pages(SECRET)
        assert hostile.pages_in_window_with(SECRET) == PAGES, "the search itself does not find"
        theirs.fill(seed=vdev)
        theirs.detach()
        assert ours.differences(seed=vdev) == 0


def exchange(left: Region, right: Region, rampage: Future[list[Rampage]]) -> int:
    """Let both guests write and check until the attack is over; return how often they did."""
    turns = 0
    while not rampage.done() or turns == 0:
        seed = 2 * turns
        left.fill(seed=seed, offset=0, length=HALF)
        right.fill(seed=seed + 1, offset=HALF, length=HALF)
        assert right.differences(seed=seed, offset=0, length=HALF) == 0
        assert left.differences(seed=seed + 1, offset=HALF, length=HALF) == 0
        left.signal(right.index)
        assert right.pending() == {left.index}
        turns += 1
    return turns


@pytest.mark.parametrize("seconds", [SECONDS, pytest.param(60.0, marks=pytest.mark.nightly)])
@pytest.mark.requirement("SHM-ISOL-01", "SHM-ISOL-02", "SHM-ISOL-03")
def test_a_hostile_guest_sees_nothing_changes_nothing_and_stops_nobody(
    deploy: Deploy, bench: Bench, setting: Setting, access: Access, metrics: Metrics, seconds: float
) -> None:
    """The secret lies in a region that never changes; the others' work goes on in another one."""
    options = ((RULES,) * devices_of_a_guest(bench.config, setting, DEVICES), "", "")
    hostile, left, right = deploy(*options)
    secret = left.attach("secret-kept", PAGES)
    left.probe.stamp(0, PAGES * PAGE_SIZE, 8, SECRET, handle=secret.handle)
    kept = right.attach("secret-kept")
    before = kept.checksum()
    ours, theirs = left.attach("secret-work", PAGES), right.attach("secret-work", PAGES)
    ours.pending()
    # It has connections of its own, and refused ones.
    find_what_is_permitted(hostile, left)
    for vdev in range(len(hostile.vdevs)):
        assert hostile.request("secret-kept", vdev=vdev).status == access.refusal
    # It meets a page by chance now and then; a search meets each.
    assert hostile.pages_in_window_with(SECRET) == 0
    with rampaging(hostile, seconds) as rampage:
        turns = exchange(ours, theirs, rampage)
    done = rampage.result()
    assert sum(each.hits for each in done) == 0, "it has read the secret"
    assert hostile.pages_in_window_with(SECRET) == 0, "it can read the secret"
    assert kept.checksum() == before, "it has changed the secret"
    assert kept.members() == {secret.index, kept.index}
    assert ours.members() == {ours.index, theirs.index}
    assert all(each.reads > 0 and each.writes > 0 for each in done)
    accesses = sum(each.reads + each.writes for each in done)
    metrics.record(name="hostile accesses", unit="per second", value=accesses / seconds)
    metrics.record(name="turns of the others meanwhile", unit="per second", value=turns / seconds)
    # The host goes on: it ends the hostile guest, and starts it again as if nothing had been.
    hostile.cut_power()
    with bench.host() as host:
        host.check()
    again, *same = deploy(*options)
    assert same == [left, right]
    region = again.attach("public")
    assert region.members() == {region.index}
    assert kept.checksum() == before
