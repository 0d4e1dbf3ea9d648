# SPDX-License-Identifier: Apache-2.0
"""A guest that was refused finds no byte of the region anywhere in its window."""

from __future__ import annotations

import pytest

from fixtures.access import Access
from fixtures.deployment import Deploy

SECRET = 0x5EC2E75EC2E7A11E


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


@pytest.mark.requirement("SHM-ISOL-02")
def test_what_a_refused_guest_writes_into_its_window_reaches_nobody(deploy: Deploy, access: Access) -> None:
    """It overwrites all of its window that it can reach; the region of the others is unchanged."""
    outsider, owner = deploy("deny secret*", "")
    secret = owner.attach("secret", pages=16)
    secret.fill(seed=5)
    assert outsider.request("secret", pages=16).status == access.refusal
    outsider.attach("public", pages=16).fill(seed=6)
    assert secret.differences(seed=5) == 0
