# SPDX-License-Identifier: Apache-2.0
"""A device with a defect that is accepted for a while: the run passes, and its report shows what is accepted."""

from __future__ import annotations

import pytest

from fixtures.access import REFUSED, Access
from fixtures.deployment import Deploy


# An example must not run out. In a suite of yours, give a date that makes somebody look at it soon.
@pytest.mark.known_failure(
    reason="the device does not look at the list", link="https://example.org/defects/17", expires="2999-12-31"
)
@pytest.mark.requirement("SHM-DENY-01")
def test_a_denied_name_is_refused(deploy: Deploy, access: Access) -> None:
    """It fails on a device with the fault ``rules-ignored``."""
    (guest,) = deploy("deny brakes")
    access.check(guest, {"brakes": REFUSED})


@pytest.mark.requirement("SHM-DENY-02")
def test_a_name_that_is_not_denied_can_be_used(deploy: Deploy) -> None:
    """It passes all the same: a run needs at least one verdict on the device."""
    (guest,) = deploy("deny brakes")
    guest.attach("telemetry")
