# SPDX-License-Identifier: Apache-2.0
"""``deny`` alone: what it covers cannot be used, everything else can."""

from __future__ import annotations

import pytest

from fixtures.access import ALLOWED, REFUSED, Access
from fixtures.deployment import Deploy

# Rules do not depend on the placement: the examples of the manual are tried in both, these details in one.
pytestmark = pytest.mark.one_placement

STEM_AND_NAME = ("deny live* deny pluto", "")


@pytest.mark.requirement("SHM-DENY-01")
def test_a_covered_name_is_refused(deploy: Deploy, access: Access) -> None:
    """Names are denied by a stem with a star, and by a whole name."""
    guest, _ = deploy(*STEM_AND_NAME)
    access.check(guest, dict.fromkeys(["live", "live1", "lively", "live.", "live" + "x" * 27, "pluto"], REFUSED))


@pytest.mark.requirement("SHM-DENY-02")
def test_an_uncovered_name_is_permitted(deploy: Deploy, access: Access) -> None:
    """Names that share a beginning, an end or all letters with the denied ones."""
    guest, _ = deploy(*STEM_AND_NAME)
    names = ("mickey", "liv", "alive", "pluto1", "plut", "xpluto", *access.of_another_case("LIVE", "Live1", "Pluto"))
    access.check(guest, dict.fromkeys(names, ALLOWED))


@pytest.mark.requirement("SHM-DENY-04")
def test_a_refused_name_cannot_be_attached_when_a_permitted_peer_made_it(deploy: Deploy, access: Access) -> None:
    """The regions exist, and their creator stays their only client."""
    guest, peer = deploy(*STEM_AND_NAME)
    made = [peer.attach(name) for name in ("live1", "pluto")]
    access.check(guest, {"live1": REFUSED, "pluto": REFUSED}, operation="attach")
    assert [region.members() for region in made] == [{region.index} for region in made]


@pytest.mark.requirement("SHM-DENY-05")
def test_a_refused_request_fixes_no_size_for_the_name(deploy: Deploy, access: Access) -> None:
    """Seen from a peer: the region that it creates afterwards has the peer's size, not the refused one's."""
    guest, peer = deploy(*STEM_AND_NAME)
    for name in ("live1", "pluto"):
        assert guest.request(name, pages=7).status == access.refusal
        theirs = peer.attach(name, pages=3)
        assert (theirs.pages, theirs.members()) == (3, {theirs.index})


@pytest.mark.requirement("SHM-DENY-03")
def test_repeated_deny_options_add_up(deploy: Deploy, access: Access) -> None:
    """What any of them covers is refused, regardless of the order."""
    guest, peer = deploy("deny live* deny pluto", "deny pluto deny live*")
    for either in (guest, peer):
        access.check(either, {"live1": REFUSED, "pluto": REFUSED})
