# SPDX-License-Identifier: Apache-2.0
"""Profiles: presets, overrides, and that every field says what it is about."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

import pytest
import yaml

from harness.errors import UsageError
from harness.shmem.profile import FIELDS, PROFILES, Profile
from harness.shmem.registers import (
    CONTROL,
    CONTROL_END,
    FACTORY,
    FACTORY_END,
    SIGNATURE,
    STATUS_MEMBERS_SHIFT,
    STATUS_PENDING_MASK,
    pages,
)


def test_presets_differ_where_the_documentation_does() -> None:
    assert PROFILES["7.0"].differences(PROFILES["7.1"]) == {}
    assert set(PROFILES["7.1"].differences(PROFILES["8.0"])) == {"flags", "permission_options", "bare_loc"}


def test_overrides_change_only_what_they_name() -> None:
    profile = Profile.load("8.0", MappingProxyType({"rules_see": "host-name"}))
    assert profile.differences(PROFILES["8.0"]) == {"rules_see": ("host-name", "guest-name")}
    assert Profile.load("7.0") == PROFILES["7.0"]


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("7.2", {}, "no profile '7.2'\n  remedy: choose one of 7.0, 7.1, 8.0"),
        ("7.0", {"rule_see": "host-name"}, "no field 'rule_see'\n  remedy: did you mean 'rules_see'?"),
        ("7.0", {"zzz": "x"}, "no field 'zzz'\n  remedy: the fields are mixed_rules, "),
        (
            "7.0",
            {"rules_see": "both"},
            "'both' is not a reading of the profile field 'rules_see'\n  remedy: choose one of",
        ),
        ("7.0", {"rules_see": True}, "'True' is not a reading"),
        ("7.0", {"rules_see": ["guest-name"]}, "is not a reading"),
    ],
)
def test_wrong_overrides(name: str, overrides: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Profile.load(name, overrides)
    assert message in str(caught.value)


def test_every_reading_survives_a_file() -> None:
    for name, info in FIELDS.items():
        assert info.question.text.endswith("."), name
        assert 0 <= info.question.number <= 33
        assert info.default in info.readings
        assert len(info.readings) > 1
        for reading in info.readings:
            (loaded,) = yaml.safe_load(f"{name}: {reading}").values()
            assert loaded == reading
            assert getattr(Profile.load("7.0", {name: loaded}), name) == reading


def test_a_profile_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PROFILES["7.0"].rules_see = "host-name"  # type: ignore[misc]


def test_registers_lie_side_by_side() -> None:
    for page, end in ((FACTORY, FACTORY_END), (CONTROL, CONTROL_END)):
        offset = 0
        for register in page:
            assert register.offset == offset
            offset += register.width
        assert offset == end
    assert SIGNATURE.to_bytes(8, "little") == b"QVMG2GSM"
    assert STATUS_PENDING_MASK == (1 << STATUS_MEMBERS_SHIFT) - 1


def test_pages_are_rounded_up() -> None:
    assert [pages(size) for size in (0, 1, 4096, 4097, 0xF0000)] == [0, 1, 1, 2, 240]
