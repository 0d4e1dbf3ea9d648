# SPDX-License-Identifier: Apache-2.0
"""A virtual machine that ends is one, however much its name is like another one's."""

from __future__ import annotations

import pytest

from fixtures.attempts import Try
from fixtures.deployment import Deploy

pytestmark = pytest.mark.only(guest_image=["probe"])

FREE = ("", "", "")


@pytest.mark.parametrize("name", ["beginning", "continuation"])
@pytest.mark.requirement("SHM-LIFE-05")
def test_the_end_of_a_guest_with_a_similar_name_leaves_the_others_alone(
    deploy: Deploy, attempt: Try, name: str
) -> None:
    """A name that all others begin with, and one that begins with another one's."""
    guests = deploy(*FREE)
    regions = [guest.attach("namesakes") for guest in guests]
    system = guests[0].name[:-1] if name == "beginning" else f"{guests[0].name}0"
    assert attempt("vdev shmem {location}", system=system).status is None
    assert [region.members() for region in regions] == [{region.index for region in regions}] * len(regions)
    regions[0].fill(seed=7)
    assert regions[2].differences(seed=7) == 0
    regions[1].signal(regions[0].index)
    assert regions[0].pending() == {regions[1].index}
