# SPDX-License-Identifier: Apache-2.0
"""The size that a policy gives a channel, and what the files give its regions: no difference is passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from harness.audit.audit import audit
from harness.audit.findings import Finding
from harness.audit.policy_file import read_policy
from harness.shmem.profile import Profile
from tests.audit.systems import configured

ABOUT_SIZES: Final = ("wrong-size", "size-not-set")


def _found(folder: Path, channel: str, readings: dict[str, str] | None = None, **vms: str) -> list[Finding]:
    """What the audit finds about sizes; the VMs by their options."""
    policy = folder / "policy.yaml"
    policy.write_text(f"channels:\n  - {channel}\n")
    found = audit(configured(**vms), "7.0", Profile.load("7.0", readings or {}), read_policy(str(policy)))
    return [one for one in found.findings if one.code in ABOUT_SIZES]


@pytest.mark.parametrize(
    ("channel", "a", "witness"),
    [
        ("{region: x, members: [a, b], size: 8K}", "allow x", "x"),
        # What is created elsewhere, or cannot be, sets no size.
        ("{region: x, members: [a, b], size: 8K}", "allow x create y,8K", "x"),
        ("{region: x, members: [a, b], size: 8K}", "allow x create x,0", "x"),
        # One region of a pattern is created, the others are not.
        ("{region: x*, members: [a, b], size: 8K}", "allow x* create x,8K create x1,8K", "xa"),
        ("{region: x*, members: [a], size: 8K}", "allow xy", "xy"),
        ("{region: g-x, members: [a, b], size: 8K}", "subst ,g- allow x", "g-x"),
    ],
)
def test_a_size_that_no_create_sets_is_a_warning(channel: str, a: str, witness: str, tmp_path: Path) -> None:
    [found] = _found(tmp_path, channel, a=a, b="allow x")
    assert (found.severity, found.code, found.witness) == ("warning", "size-not-set", witness)
    assert (found.position.file, found.position.line) == (str(tmp_path / "policy.yaml"), 2)
    assert "0x2000 bytes" in found.text
    assert "the first VM that asks for it decides the size" in found.text
    assert "SHM-OPEN-12" in found.text


@pytest.mark.parametrize(
    ("reading", "then"),
    [
        ("attach", "the others get that size"),
        ("refused", "a request of another size is refused"),
        ("separate", "do not meet"),
    ],
)
def test_what_follows_depends_on_the_reading(reading: str, then: str, tmp_path: Path) -> None:
    channel = "{region: x, members: [a, b], size: 8K}"
    [found] = _found(tmp_path, channel, {"size_mismatch": reading}, a="allow x", b="allow x")
    assert then in found.text


def test_a_program_of_the_host_may_set_it(tmp_path: Path) -> None:
    [found] = _found(tmp_path, "{region: x, members: [a], size: 8K, host: [recorder]}", a="allow x")
    assert (found.severity, found.code) == ("note", "size-not-set")
    assert "the first VM or host program" in found.text


@pytest.mark.parametrize(
    ("channel", "a"),
    [
        ("{region: x, members: [a, b], size: 8K}", "allow x create x,8K"),
        ("{region: x, members: [a, b], size: 5000}", "allow x create x,8K"),
        ("{region: x, members: [a, b]}", "allow x"),
        ("{region: 'x?', members: [a, b], size: 8K}", "allow x1 allow x2 create x1,8K create x2,8K"),
        # Who creates it need not be the first one of the members, nor a member.
        ("{region: x, members: [b], size: 8K}", "create x,8K deny x"),
    ],
)
@pytest.mark.parametrize("case", ["sensitive", "insensitive"])
def test_a_size_that_is_set_is_none(channel: str, a: str, case: str, tmp_path: Path) -> None:
    assert _found(tmp_path, channel, {"pattern_case": case}, a=a, b="allow x allow x1 allow x2") == []


def test_another_size_is_an_error(tmp_path: Path) -> None:
    [found] = _found(tmp_path, "{region: x, members: [a, b], size: 8K}", a="allow x create x,4K", b="allow x")
    assert (found.severity, found.code, found.vms) == ("error", "wrong-size", ("a",))
