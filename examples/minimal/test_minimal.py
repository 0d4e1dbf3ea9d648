# SPDX-License-Identifier: Apache-2.0
"""The smallest suite that says something: who gets in, who does not, and whether the two meet in the same bytes."""

from __future__ import annotations

import pytest

from fixtures.access import ALLOWED, REFUSED, Access
from fixtures.deployment import Deploy


@pytest.mark.requirement("SHM-ALLOW-02", "SHM-ALLOW-04")
def test_the_allowed_name_and_no_other(deploy: Deploy, access: Access) -> None:
    """One guest with a restrictions list, asked for two names. A wrong answer is a failed requirement."""
    (guest,) = deploy("allow telemetry")
    access.check(guest, {"telemetry": ALLOWED, "brakes": REFUSED})


@pytest.mark.requirement("SHM-ALLOW-03")
def test_two_guests_share_what_both_may_use(deploy: Deploy) -> None:
    """What one writes, the other one reads; each sees the other one as a client of the region."""
    guest, peer = deploy("allow telemetry", "allow *")
    theirs = peer.attach("telemetry", pages=2)
    ours = guest.attach("telemetry", pages=2)
    assert ours.members() == {ours.index, theirs.index}
    theirs.poke(0, b"speed 88")
    assert ours.peek(0, 8) == b"speed 88"
