# SPDX-License-Identifier: Apache-2.0
"""The four examples of the page "vdev shmem" of the QNX Hypervisor 7.0 User's Guide, each with a table of names.

The tables hold what the page says of its names and what follows from that directly; names between them are ours.
"""

from __future__ import annotations

import pytest

from fixtures.access import ALLOWED, REFUSED, Access
from fixtures.deployment import Deploy

CREATED_PAGES = 0xF0000 // 4096


@pytest.mark.requirement("SHM-ALLOW-02", "SHM-ALLOW-04", "SHM-ALLOW-05", "SHM-ALLOW-07")
def test_names_with_the_stem_test_and_the_name_pluto(deploy: Deploy, access: Access) -> None:
    """Two ``allow``: what they cover can be used, everything else cannot."""
    guest, _ = deploy("allow test* allow pluto", "")
    table = {
        "test": ALLOWED,
        "test1": ALLOWED,
        "testing": ALLOWED,
        "pluto": ALLOWED,
        "pluto1": REFUSED,
        "tes": REFUSED,
        "mytest": REFUSED,
        "mickey": REFUSED,
    }
    access.check(guest, table)


@pytest.mark.requirement("SHM-DENY-01", "SHM-DENY-02", "SHM-DENY-03")
def test_all_names_but_the_stem_live_and_the_name_pluto(deploy: Deploy, access: Access) -> None:
    """Two ``deny``: what they cover cannot be used, everything else can."""
    guest, _ = deploy("deny live* deny pluto", "")
    table = {
        "live": REFUSED,
        "live1": REFUSED,
        "liverpool": REFUSED,
        "pluto": REFUSED,
        "pluto1": ALLOWED,
        "liv": ALLOWED,
        "alive": ALLOWED,
        "mickey": ALLOWED,
    }
    access.check(guest, table)


@pytest.mark.releases("7.0")
@pytest.mark.requirement("SHM-MIX-01", "SHM-MIX-02", "SHM-MIX-03")
def test_longer_names_with_the_stem_pluto_but_not_pluto(deploy: Deploy, access: Access) -> None:
    """``deny`` of the exact name before ``allow`` of its stem: longer names are left."""
    guest, _ = deploy("deny pluto allow pluto*", "")
    table = {"pluto": REFUSED, "pluto1": ALLOWED, "plutonium": ALLOWED, "plut": REFUSED, "mickey": REFUSED}
    access.check(guest, table)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        pytest.param(
            "subst foo,guest0 create foomem,0xf0000", "foomem", marks=pytest.mark.requirement("SHM-SUBST-02"), id="stem"
        ),
        pytest.param(
            "subst ,guest0 create mem,0xf0000", "mem", marks=pytest.mark.requirement("SHM-SUBST-01"), id="prefix"
        ),
    ],
)
@pytest.mark.requirement("SHM-SUBST-05", "SHM-CREATE-02")
def test_both_ways_to_write_the_substitution_make_the_same_region(deploy: Deploy, options: str, name: str) -> None:
    """A stem that is replaced, or a prefix that is added: the host-side region is the same, and has the size given."""
    guest, peer = deploy(options, "")
    theirs = peer.attach("guest0mem")
    ours = guest.attach(name)
    assert (ours.pages, theirs.pages) == (CREATED_PAGES, CREATED_PAGES)
    ours.fill(seed=7)
    assert theirs.differences(seed=7) == 0
