# SPDX-License-Identifier: Apache-2.0
"""Proposed lists: with them the system is as the policy says, whatever it was before; the oracle says so, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.audit.policy_file import Channel, Policy
from harness.audit.propose import propose_rules
from harness.audit.system import System
from harness.cli import main
from harness.shmem.config import NOWHERE, Rule, ShmemVdev
from harness.shmem.oracle import decide
from harness.shmem.profile import Profile
from tests.audit.systems import NAMES, by_oracle, profiles, systems

OF_LISTS = {"surplus-access", "forbidden-meeting", "unlisted-regions", "unlimited-regions", "undecided"}
"""What a proposed list must never leave."""


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """One to four channels between the two VMs that every system has, and others."""
    pieces = st.sampled_from(("a", "b", "ab", "A", ".", "*", "?", "[ab]", "[!a]"))
    regions = draw(st.lists(st.lists(pieces, min_size=1, max_size=3).map("".join), min_size=1, max_size=4))
    return Policy(tuple(Channel(region, ("vm0", "vm1"), NOWHERE) for region in regions))


@pytest.mark.long
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(systems(), policies(), profiles())
def test_the_lists_do_what_the_policy_says(system: System, policy: Policy, profile: Profile) -> None:
    found = propose_rules(system, "7.0", profile, policy)
    codes = {finding.code for finding in found.outcome.findings if finding.severity != "note"}
    created = profile.create_vs_rules == "implies-allow" and any(
        vdev.creates for vm in system.vms for vdev in vm.devices
    )
    assert created or not codes & OF_LISTS
    plain = not any(vdev.substs or vdev.creates for vm in system.vms for vdev in vm.devices)
    assert found.outcome.closed or not plain
    for vm in found.outcome.system.vms:
        reached = by_oracle(vm, profile)
        member = vm.name in ("vm0", "vm1")
        assert created or all(member and _listed(policy, name, profile) for name in reached)
        # Behind a substitution, a guest may need a name for it that is longer than those that the oracle was asked for.
        if plain and member:
            assert reached >= {name for name in NAMES if _listed(policy, name, profile)}


def _listed(policy: Policy, name: str, profile: Profile) -> bool:
    return any(
        decide(ShmemVdev((Rule("allow", channel.region),)), name, profile).allowed for channel in policy.channels
    )


def _lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, channels: str, *more: str
) -> dict[str, Any]:
    head = "ram 0x80000000,128M\ncpu\nvdev shmem\n"
    (tmp_path / "a.qvmconf").write_text(f"system a\n{head}{options}")
    (tmp_path / "b.qvmconf").write_text(f"system b\n{head}  allow *\n")
    (tmp_path / "policy.yaml").write_text(f"channels:\n{channels}")
    arguments = ["audit", str(tmp_path), "--policy", str(tmp_path / "policy.yaml"), "--propose-rules", *more]
    status = main([*arguments, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert status == (0 if found["closed"] else 1)
    return found


@pytest.mark.parametrize(
    ("options", "regions", "rules"),
    [
        ("", ["x"], ["allow x"]),
        ("", ["ab", "a*", "abc"], ["allow a*"]),
        ("", ["x", "y"], ["allow [xy]"]),
        ("", ['"a b"'], ['allow "a b"']),
        ("  subst ,a_\n", ["a_x"], ["allow x"]),
        ("  subst ,a_\n", ["a_?*"], ["allow ?*"]),
        ("  subst mine,a_\n", ["a_x"], ["allow minex"]),
        ("  subst mine,a_\n", ["x"], ["allow x"]),
        ("  deny y\n  allow x*\n", ["x"], ["allow x"]),
    ],
)
def test_the_lists_are_short(
    options: str, regions: list[str], rules: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    channels = "".join(f"  - {{region: {region}, members: [a, b]}}\n" for region in regions)
    found = _lists(tmp_path, capsys, options, channels)
    assert found["closed"], found
    assert found["lists"][0]["rules"] == rules


def test_a_vm_without_channels_is_shut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _lists(tmp_path, capsys, "", "  - {region: x, members: [b], host: [recorder]}\n")
    assert found["closed"]
    assert [one["rules"] for one in found["lists"]] == [["deny *"], ["allow x"]]


def test_the_rest_of_a_channel_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The prefix alone would need the empty name, which no guest can ask for."""
    found = _lists(tmp_path, capsys, "  subst ,a_\n", "  - {region: a_*, members: [a, b]}\n")
    assert found["lists"][0]["rules"] == ["allow *"]
    assert not found["closed"]
    assert any("cannot reach a_ of the channel" in finding for finding in found["findings"])


def test_what_no_list_can_give_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _lists(tmp_path, capsys, "  subst ,a_\n", "  - {region: x, members: [a, b]}\n")
    assert not found["closed"]
    assert any("missing-access" in finding for finding in found["findings"])


def test_a_device_that_has_the_region_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "  allow y\nvdev shmem\n  allow x\n  create x,0x1000\n"
    found = _lists(tmp_path, capsys, options, "  - {region: '[xy]', members: [a, b]}\n  - {region: y, members: [a]}\n")
    assert [one["rules"] for one in found["lists"]][1] == ["allow [xy]"]


def test_without_a_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.qvmconf").write_text("system a\n")
    assert main(["audit", str(tmp_path), "--propose-rules"]) == 3
    assert "--policy FILE" in capsys.readouterr().err
