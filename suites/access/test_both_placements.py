# SPDX-License-Identifier: Apache-2.0
"""What rules and names do to the regions of the host, by devices on PCI and in memory. One set of guests serves all."""

from __future__ import annotations

import pytest

from fixtures.access import REFUSED, Access
from fixtures.deployment import Deploy
from fixtures.hostside import HostAttach, HostRegions

LEFT_RIGHT_PLAIN = ("deny live* deny pluto subst ,left-", "subst ,right-", "")


@pytest.mark.requirement("SHM-DENY-05")
def test_a_refused_request_leaves_no_region_on_the_host(
    host_regions: HostRegions, deploy: Deploy, access: Access
) -> None:
    """Seen from the host: no region of that name, and none more than before."""
    guest, *_ = deploy(*LEFT_RIGHT_PLAIN)
    before = host_regions()
    access.check(guest, {"live1": REFUSED, "pluto": REFUSED})
    assert host_regions() == before
    assert not before.keys() & {"live1", "pluto", "left-live1", "left-pluto"}


@pytest.mark.requirement("SHM-SUBST-03")
def test_guests_with_different_prefixes_do_not_share_a_name(deploy: Deploy) -> None:
    """Each is alone in its region, and keeps its own bytes."""
    regions = [guest.attach("mem") for guest in deploy(*LEFT_RIGHT_PLAIN)]
    for seed, region in enumerate(regions):
        region.fill(seed=seed)
    assert [region.members() for region in regions] == [{region.index} for region in regions]
    assert [region.differences(seed=seed) for seed, region in enumerate(regions)] == [0, 0, 0]


@pytest.mark.requirement("SHM-SUBST-04")
def test_a_host_program_reaches_the_region_under_its_host_side_name(host_attach: HostAttach, deploy: Deploy) -> None:
    """What the host writes there the guest reads, and the other way round."""
    guest, *_ = deploy(*LEFT_RIGHT_PLAIN)
    ours = guest.attach("mem")
    theirs = host_attach("left-mem")
    theirs.write(0, b"from the host")
    assert ours.peek(0, 13) == b"from the host"
    ours.poke(100, b"from the guest")
    assert theirs.read(100, 14) == b"from the guest"
