# SPDX-License-Identifier: Apache-2.0
"""A guest with an operating system and one without share a region."""

from __future__ import annotations

import pytest

from fixtures.configuration import On
from fixtures.deployment import Deploy

pytestmark = pytest.mark.only(guest_image=["linux"], placement=["pci"], via=["serial"])


@pytest.mark.requirement("SHM-CTRL-05")
def test_bytes_are_read_unchanged_in_both_directions(deploy: Deploy) -> None:
    """Each guest sees the other's bytes and presence."""
    linux, probe = deploy("", On("probe", ""))
    left, right = linux.attach("common", pages=64), probe.attach("common", pages=64)
    assert left.members() == right.members() == {left.index, right.index}
    left.fill(seed=64)
    assert right.differences(seed=64) == 0
    right.fill(seed=65)
    assert left.differences(seed=65) == 0
    left.detach()
    assert right.members() == {right.index}
