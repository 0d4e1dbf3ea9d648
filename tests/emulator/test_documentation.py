# SPDX-License-Identifier: Apache-2.0
"""The description of the device names every question that a profile answers."""

from __future__ import annotations

from pathlib import Path

from harness.shmem.profile import FIELDS

_DOCS = Path(__file__).parents[2] / "docs"


def test_every_field_of_a_profile_is_described() -> None:
    text = (_DOCS / "device.md").read_text()
    assert [field for field in FIELDS if f"`{field}`" not in text] == []
