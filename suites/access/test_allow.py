# SPDX-License-Identifier: Apache-2.0
"""``allow``: what it covers can be created and attached, and once there is one, nothing else can."""

from __future__ import annotations

import pytest

from fixtures.access import ALLOWED, REFUSED, Access
from fixtures.deployment import Deploy

# Rules do not depend on the placement: the examples of the manual are tried in both, these details in one.
pytestmark = pytest.mark.one_placement

NO_RULES = ("", "")
ONE_NAME = ("allow pluto", "")
STEM_AND_NAME = ("allow test* allow pluto", "")


@pytest.mark.requirement("SHM-ALLOW-01")
def test_without_rules_every_legal_name_can_be_created(deploy: Deploy, access: Access) -> None:
    """Names have a length from 1 to 31, and the characters of a portable file name."""
    guest, _ = deploy(*NO_RULES)
    names = [
        "a",
        "Z",
        "0",
        "pluto",
        "PLUTO",
        "test-1",
        "test_1",
        "test.1",
        "a.b-c_d",
        "x" * 31,
        "31-characters-long-region-name-",
    ]
    access.check(guest, dict.fromkeys(names, ALLOWED))


@pytest.mark.requirement("SHM-ALLOW-02")
def test_the_one_allowed_name_can_be_created(deploy: Deploy, access: Access) -> None:
    """The guest is the first to ask for it."""
    guest, _ = deploy(*ONE_NAME)
    access.check(guest, {"pluto": ALLOWED})


@pytest.mark.requirement("SHM-ALLOW-03")
def test_the_one_allowed_name_can_be_attached_when_a_peer_made_it(deploy: Deploy, access: Access) -> None:
    """The peer asked first, and both are then clients of the same region."""
    guest, peer = deploy(*ONE_NAME)
    theirs = peer.attach("pluto", pages=2)
    access.check(guest, {"pluto": ALLOWED}, operation="attach")
    ours = guest.attach("pluto", pages=2)
    assert ours.members() == {ours.index, theirs.index}
    theirs.fill(seed=3)
    assert ours.differences(seed=3) == 0


@pytest.mark.requirement("SHM-ALLOW-04")
def test_with_an_allow_uncovered_names_cannot_be_created(deploy: Deploy, access: Access) -> None:
    """Names that share nothing, a beginning, an end or all letters with the allowed one."""
    guest, _ = deploy(*ONE_NAME)
    others = ("mickey", "p", "plut", "luto", "xpluto", "otulp", *access.of_another_case("Pluto", "PLUTO"))
    access.check(guest, dict.fromkeys(others, REFUSED))


@pytest.mark.requirement("SHM-ALLOW-04")
def test_with_an_allow_uncovered_names_cannot_be_attached(deploy: Deploy, access: Access) -> None:
    """They exist, because a peer without rules has created them."""
    guest, peer = deploy(*ONE_NAME)
    names = ("mickey", "plut", "xpluto", *access.of_another_case("Pluto"))
    for name in names:
        peer.attach(name)
    access.check(guest, dict.fromkeys(names, REFUSED), operation="attach")


@pytest.mark.requirement("SHM-ALLOW-06")
def test_a_name_does_not_cover_longer_names(deploy: Deploy, access: Access) -> None:
    """A pattern without a star is one name."""
    guest, _ = deploy(*ONE_NAME)
    access.check(guest, dict.fromkeys(["pluto1", "plutonium", "pluto-", "pluto.", "plutopluto"], REFUSED))


@pytest.mark.requirement("SHM-ALLOW-05")
def test_a_stem_with_a_star_covers_every_name_that_begins_with_it(deploy: Deploy, access: Access) -> None:
    """The stem alone is covered too, and names up to the longest."""
    guest, _ = deploy(*STEM_AND_NAME)
    names = ["test", "test1", "testing", "test.2", "test-", "testtest", "test" + "x" * 27]
    access.check(guest, dict.fromkeys(names, ALLOWED))


@pytest.mark.requirement("SHM-ALLOW-07")
def test_repeated_allow_options_add_up(deploy: Deploy, access: Access) -> None:
    """What any of them covers is allowed."""
    guest, _ = deploy(*STEM_AND_NAME)
    access.check(guest, {"test": ALLOWED, "test1": ALLOWED, "pluto": ALLOWED})


@pytest.mark.requirement("SHM-ALLOW-07")
def test_the_order_of_allow_options_does_not_matter(deploy: Deploy, access: Access) -> None:
    """The same list is tried in the opposite order."""
    guest, _ = deploy("allow pluto allow test*", "")
    access.check(guest, {"test": ALLOWED, "test1": ALLOWED, "pluto": ALLOWED})


@pytest.mark.requirement("SHM-ALLOW-04")
def test_with_several_allows_names_that_none_covers_are_refused(deploy: Deploy, access: Access) -> None:
    """The implicit last rule follows all of them."""
    guest, _ = deploy("allow pluto allow test*", "")
    access.check(guest, dict.fromkeys(["tes", "plut", "mickey", "xtest", "1pluto"], REFUSED))
