# SPDX-License-Identifier: Apache-2.0
"""``deny`` of a name before ``allow`` of its stem, as in the manual of 7.0; later manuals advise against mixing."""

from __future__ import annotations

import pytest

from fixtures.access import ALLOWED, REFUSED, Access
from fixtures.deployment import Deploy

# Rules do not depend on the placement: the examples of the manual are tried in both, these details in one.
pytestmark = pytest.mark.one_placement

DENY_THEN_ALLOW = ("deny pluto allow pluto*", "")


@pytest.mark.requirement("SHM-MIX-01")
def test_the_denied_name_is_refused(deploy: Deploy, access: Access) -> None:
    """The name is refused although the stem covers it."""
    guest, _ = deploy(*DENY_THEN_ALLOW)
    access.check(guest, {"pluto": REFUSED})


@pytest.mark.requirement("SHM-MIX-01")
def test_the_denied_name_is_refused_when_a_peer_made_it(deploy: Deploy, access: Access) -> None:
    """The rule counts for attaching as for creating."""
    guest, peer = deploy(*DENY_THEN_ALLOW)
    theirs = peer.attach("pluto")
    access.check(guest, {"pluto": REFUSED}, operation="attach")
    assert theirs.members() == {theirs.index}


@pytest.mark.requirement("SHM-MIX-02")
def test_longer_names_with_the_stem_are_permitted(deploy: Deploy, access: Access) -> None:
    """The later rule covers them, the earlier one does not."""
    guest, _ = deploy(*DENY_THEN_ALLOW)
    access.check(guest, dict.fromkeys(["pluto1", "plutonium", "pluto.", "pluto" + "x" * 26], ALLOWED))


@pytest.mark.requirement("SHM-MIX-03")
def test_unrelated_names_are_refused(deploy: Deploy, access: Access) -> None:
    """The list has an ``allow``, so what nothing covers is refused."""
    guest, _ = deploy(*DENY_THEN_ALLOW)
    access.check(guest, dict.fromkeys(("mickey", "plut", "xpluto", *access.of_another_case("PLUTO1")), REFUSED))
