# SPDX-License-Identifier: Apache-2.0
"""A guest that was refused finds no byte of the region anywhere in its window."""

from __future__ import annotations

import pytest

from fixtures.access import Access
from fixtures.api import HostProgram
from fixtures.deployment import Deploy
from harness.shmem.registers import MAX_CLIENTS
from harness.shmem.status import Status

SECRET = 0x5EC2E75EC2E7A11E
OWNED = 77
SIZES = (0, 1, 3, OWNED - 1, OWNED, OWNED + 1, (1 << 20) - 1, 1 << 20, (1 << 32) - 1)


@pytest.mark.parametrize("rules", ["deny secret*", "allow public*"], ids=["denied", "not-allowed"])
@pytest.mark.requirement("SHM-ISOL-01")
def test_a_refused_guest_finds_nothing_in_its_window(deploy: Deploy, access: Access, rules: str) -> None:
    """It searches before and after the refusal; the same search finds the bytes of a permitted region."""
    outsider, owner = deploy(rules, "")
    secret = owner.attach("secret", pages=4)
    secret.mark_pages(SECRET)
    assert outsider.pages_in_window_with(SECRET) == 0
    assert outsider.request("secret", pages=4).status == access.refusal
    assert outsider.pages_in_window_with(SECRET) == 0
    shared = outsider.attach("public", pages=4)
    owner.attach("public", pages=4).mark_pages(SECRET)
    assert outsider.pages_in_window_with(SECRET) == shared.pages, "the search itself does not find"


@pytest.mark.requirement("SHM-ISOL-01")
def test_a_guest_that_a_full_region_refuses_finds_nothing_in_its_window(
    deploy: Deploy, host_program: HostProgram
) -> None:
    """Whatever the reason of a refusal: sixteen clients are connected, the owner and a program of the host."""
    outsider, owner = deploy("", "")
    secret = owner.attach("crowded", pages=4)
    secret.mark_pages(SECRET)
    clients = [host_program.create("crowded", 4) for _ in range(MAX_CLIENTS - 1)]
    for _ in range(3):
        assert outsider.request("crowded", pages=4).status == Status.CLIENT_MAX
        assert outsider.pages_in_window_with(SECRET) == 0
    clients[0].detach()
    ours = outsider.attach("crowded", pages=4)
    assert outsider.pages_in_window_with(SECRET) == ours.pages, "the search itself does not find"


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
