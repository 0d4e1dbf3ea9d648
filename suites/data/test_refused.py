# SPDX-License-Identifier: Apache-2.0
"""A guest that was refused finds no byte of the region anywhere in its window."""

from __future__ import annotations

import pytest

from fixtures.access import Access
from fixtures.api import HostProgram
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest
from fixtures.settings import Setting, devices_of_a_guest
from harness.shmem.registers import MAX_CLIENTS
from harness.shmem.status import Status

SECRET = 0x5EC2E75EC2E7A11E
OWNED = 77
SIZES = (0, 1, 3, OWNED - 1, OWNED, OWNED + 1, (1 << 20) - 1, 1 << 20, (1 << 32) - 1)
DEVICES = 2
PAGES = (4, 5000)
"""Of regions: a small one, and one that a device may show somewhere else, if it has room for it at all."""
takes_any_access = pytest.mark.usefixtures("takes_any_access")


def look_where_permitted(guest: Guest, owner: Guest, name: str) -> dict[int, list[int]]:
    """Let each device show regions of all sizes, one after the other, in which the guest finds what the owner writes.

    So a search finds what is there, and where. The sizes for which each device has room.
    """
    shown: dict[int, list[int]] = {}
    for vdev in range(len(guest.vdevs)):
        for pages in PAGES:
            ours = guest.request(f"{name}-{vdev}-{pages}", pages, vdev=vdev).region
            theirs = owner.request(f"{name}-{vdev}-{pages}", pages).region
            if ours and theirs:
                theirs.mark_pages(SECRET)
                assert guest.pages_in_window_with(SECRET) == pages, f"device {vdev} shows {pages} pages"
                shown.setdefault(vdev, []).append(pages)
            assert ours or pages != PAGES[0], f"device {vdev} refuses {pages} pages"
            guest.detach_all()
            owner.detach_all()
    return shown


@takes_any_access
@pytest.mark.parametrize("rules", ["deny secret*", "allow public*"], ids=["denied", "not-allowed"])
@pytest.mark.requirement("SHM-ISOL-01")
def test_a_refused_guest_finds_nothing_in_its_window(
    deploy: Deploy, bench: Bench, setting: Setting, access: Access, rules: str
) -> None:
    """Whichever of its devices has refused a region of whatever size, before the refusal and afterwards."""
    outsider, owner = deploy((rules,) * devices_of_a_guest(bench.config, setting, DEVICES), "")
    for vdev, sizes in look_where_permitted(outsider, owner, "public").items():
        for pages in sizes:
            name = f"secret-{vdev}-{pages}"
            owner.attach(name, pages).mark_pages(SECRET)
            assert outsider.pages_in_window_with(SECRET) == 0
            assert outsider.request(name, pages, vdev=vdev).status == access.refusal
            assert outsider.pages_in_window_with(SECRET) == 0, f"device {vdev}, {pages} pages"
            owner.detach_all()


@takes_any_access
@pytest.mark.requirement("SHM-ISOL-01")
def test_a_guest_that_a_full_region_refuses_finds_nothing_in_its_window(
    deploy: Deploy, bench: Bench, setting: Setting, host_program: HostProgram
) -> None:
    """Whatever the reason of a refusal: sixteen clients are connected, the owner and a program of the host."""
    outsider, owner = deploy(("",) * devices_of_a_guest(bench.config, setting, DEVICES), "")
    shown = look_where_permitted(outsider, owner, "free")
    for vdev, pages in [(vdev, pages) for vdev, sizes in shown.items() for pages in sizes]:
        name = f"crowded-{vdev}-{pages}"
        owner.attach(name, pages).mark_pages(SECRET)
        clients = [host_program.create(name, pages) for _ in range(MAX_CLIENTS - 1)]
        for _ in range(3):
            assert outsider.request(name, pages, vdev=vdev).status == Status.CLIENT_MAX
            assert outsider.pages_in_window_with(SECRET) == 0, f"device {vdev}, {pages} pages"
        clients.pop().detach()
        outsider.attach(name, pages, vdev=vdev)
        assert outsider.pages_in_window_with(SECRET) == pages, "the search itself does not find"
        for client in clients:
            client.detach()
        outsider.detach_all()
        owner.detach_all()


@pytest.mark.requirement("SHM-ISOL-02")
def test_what_a_refused_guest_writes_into_its_window_reaches_nobody(deploy: Deploy, access: Access) -> None:
    """It overwrites all of its window that it can reach; the region of the others is unchanged."""
    outsider, owner = deploy("deny secret*", "")
    secret = owner.attach("secret", pages=16)
    secret.fill(seed=5)
    assert outsider.request("secret", pages=16).status == access.refusal
    outsider.attach("public", pages=16).fill(seed=6)
    assert secret.differences(seed=5) == 0


@pytest.mark.parametrize("rules", ["deny secret*", "allow public*"], ids=["denied", "not-allowed"])
@pytest.mark.requirement("SHM-ISOL-05")
def test_a_refusal_says_nothing_of_the_region(
    deploy: Deploy, access: Access, host_program: HostProgram, rules: str
) -> None:
    """There is none yet, then it has more pages than are asked for, all of its clients, one of them, and none again.

    It is asked for with many sizes. What a request for none or for too many pages gets is another matter, but it does
    not depend on the region either.
    """
    outsider, owner = deploy(rules, "")

    def answer() -> object:
        assert outsider.request("secret", pages=3).status == access.refusal
        return [(outsider.request("secret", pages=pages).status, outsider.registers()) for pages in SIZES]

    answers = {"absent": answer()}
    secret = owner.attach("secret", pages=OWNED)
    answers["of one client"] = answer()
    others = [host_program.create("secret", 1) for _ in range(MAX_CLIENTS - 1)]
    answers["full"] = answer()
    for other in others:
        other.detach()
    answers["of one client again"] = answer()
    secret.detach()
    answers["gone"] = answer()
    assert [state for state, seen in answers.items() if seen != answers["absent"]] == [], "told from an absent region"
