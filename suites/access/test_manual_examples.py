# SPDX-License-Identifier: Apache-2.0
"""The four examples of the page "vdev shmem" of the QNX Hypervisor 7.0 User's Guide, each with a table of names.

The tables hold what the page says of its names and what follows from that directly; names between them are ours.
"""

from __future__ import annotations

import pytest
from _pytest.mark import ParameterSet

from fixtures.access import ALLOWED, REFUSED, Access
from fixtures.deployment import Deploy

CREATED_PAGES = 0xF0000 // 4096

OTHER_CASE = "Test1"
"""A name that says something where the case of letters makes a difference."""

Table = dict[str, bool]


def _example(requirement: str, table: Table) -> ParameterSet:
    """One statement of an example: a requirement and the names that show it."""
    return pytest.param(table, marks=pytest.mark.requirement(requirement), id=requirement)


@pytest.mark.parametrize(
    "table",
    [
        _example("SHM-ALLOW-02", {"pluto": ALLOWED}),
        _example("SHM-ALLOW-05", {"test": ALLOWED, "test1": ALLOWED, "testing": ALLOWED}),
        _example("SHM-ALLOW-06", {"pluto1": REFUSED, "plutonium": REFUSED}),
        _example("SHM-ALLOW-04", {"mickey": REFUSED, "tes": REFUSED, "mytest": REFUSED, OTHER_CASE: REFUSED}),
        _example("SHM-ALLOW-07", {"test1": ALLOWED, "pluto": ALLOWED}),
    ],
)
def test_names_with_the_stem_test_and_the_name_pluto(deploy: Deploy, access: Access, table: Table) -> None:
    """With two ``allow``, only covered names can be used."""
    guest, _ = deploy("allow test* allow pluto", "")
    access.check(
        guest, {name: may for name, may in table.items() if name != OTHER_CASE or access.of_another_case(name)}
    )


@pytest.mark.parametrize(
    "table",
    [
        _example("SHM-DENY-01", {"live": REFUSED, "live1": REFUSED, "liverpool": REFUSED, "pluto": REFUSED}),
        _example("SHM-DENY-02", {"mickey": ALLOWED, "liv": ALLOWED, "alive": ALLOWED, "pluto1": ALLOWED}),
        _example("SHM-DENY-03", {"live1": REFUSED, "pluto": REFUSED}),
    ],
)
def test_all_names_but_the_stem_live_and_the_name_pluto(deploy: Deploy, access: Access, table: Table) -> None:
    """With two ``deny``, all names but the covered ones can be used."""
    guest, _ = deploy("deny live* deny pluto", "")
    access.check(guest, table)


@pytest.mark.parametrize(
    "table",
    [
        _example("SHM-MIX-01", {"pluto": REFUSED}),
        _example("SHM-MIX-02", {"pluto1": ALLOWED, "plutonium": ALLOWED}),
        _example("SHM-MIX-03", {"plut": REFUSED, "mickey": REFUSED}),
    ],
)
def test_longer_names_with_the_stem_pluto_but_not_pluto(deploy: Deploy, access: Access, table: Table) -> None:
    """``deny`` of the exact name before ``allow`` of its stem: longer names are left."""
    guest, _ = deploy("deny pluto allow pluto*", "")
    access.check(guest, table)


REPLACED_STEM = pytest.param(
    "subst foo,guest0 create foomem,0xf0000", "foomem", marks=pytest.mark.requirement("SHM-SUBST-02"), id="stem"
)
ADDED_PREFIX = pytest.param(
    "subst ,guest0 create mem,0xf0000", "mem", marks=pytest.mark.requirement("SHM-SUBST-01"), id="prefix"
)


@pytest.mark.parametrize(("options", "name"), [REPLACED_STEM, ADDED_PREFIX])
def test_both_ways_to_write_the_substitution_lead_to_one_region(deploy: Deploy, options: str, name: str) -> None:
    """A stem that is replaced, or a prefix that is added: the host-side name is the same."""
    guest, peer = deploy(options, "")
    ours, theirs = guest.attach(name), peer.attach("guest0mem")
    ours.fill(seed=7)
    assert theirs.differences(seed=7) == 0


@pytest.mark.parametrize("options", [REPLACED_STEM.values[0], ADDED_PREFIX.values[0]], ids=["stem", "prefix"])
@pytest.mark.requirement("SHM-SUBST-05")
def test_both_ways_create_the_same_region_before_the_guest_runs(deploy: Deploy, options: str) -> None:
    """A peer that asks for one page finds it in the size that ``create`` gives."""
    _, peer = deploy(options, "")
    assert peer.attach("guest0mem", pages=1).pages == CREATED_PAGES
