# SPDX-License-Identifier: Apache-2.0
"""What one witness does not show: an answer is about every name, also where a shorter one is harmless."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from harness.audit.audit import Audit, analyse, audit
from harness.audit.names.describe import describe
from harness.audit.names.dfa import BYTES, Dfa, restricted
from harness.audit.names.lists import rules_list
from harness.audit.names.reach import STATES
from harness.audit.policy import proposed
from harness.audit.policy_file import Channel, Policy
from harness.shmem.config import Position, Rule
from harness.shmem.profile import PROFILES, Profile
from tests.audit.systems import configured

PROFILE = PROFILES["7.0"]


def _told(found: Audit, code: str) -> list[tuple[tuple[str, ...], str | None]]:
    return [(each.vms, each.witness) for each in found.findings if each.code == code and each.severity != "note"]


@pytest.mark.parametrize(
    ("left", "right", "witness"),
    [
        ("allow a allow bb*", "allow a allow bb*", "bb"),
        ("allow secret", "allow *", "secret"),
        ("subst vm1-, allow vm1-*", "allow tiles", "tiles"),
        ("allow a?", "allow ab", "ab"),
    ],
)
def test_a_meeting_by_a_wildcard_is_told_beside_a_shorter_name_and_where_one_of_both_names_it(
    left: str, right: str, witness: str
) -> None:
    found = audit(configured(left=left, right=right), "7.0", PROFILE)
    assert _told(found, "meeting-by-wildcard") == [(("left", "right"), witness)]
    assert not found.closed


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("allow a allow b", "allow b allow a"),
        ("allow cam* create cam,0x1000", "allow cam"),
        ("subst ,vm- allow a", "allow vm-a"),
        (r"allow a\*", r"allow a\*"),
    ],
)
def test_a_meeting_that_both_vms_name_is_none_by_a_wildcard(left: str, right: str) -> None:
    found = audit(configured(left=left, right=right), "7.0", PROFILE)
    assert found.analysis is not None
    assert len(found.analysis.meetings) == 1
    assert found.closed


def test_a_created_region_that_a_wildcard_reaches_is_told_once() -> None:
    found = audit(configured(left="allow cam create cam,0x1000", right="allow cam*", third="allow cam"), "7.0", PROFILE)
    assert _told(found, "reaches-created-region") == [(("right", "left"), "cam")]
    assert _told(found, "meeting-by-wildcard") == []


def test_a_vm_that_poses_as_another_beside_a_name_of_its_own() -> None:
    found = audit(configured(left="subst ,vm1- allow a*", right="allow vm1-a allow vm1-ab*"), "7.0", PROFILE)
    assert _told(found, "posing") == [(("left", "right"), "vm1-ab")]


def test_more_devices_than_a_region_has_room_for_by_a_wildcard() -> None:
    crowd = {f"vm{number}": "allow cam*" for number in range(17)}
    assert _told(audit(configured(**crowd), "7.0", PROFILE), "too-many-clients") == [((), "cam")]
    del crowd["vm16"]
    assert _told(audit(configured(**crowd), "7.0", PROFILE), "too-many-clients") == []


def test_members_of_two_channels_are_told_apart_beside_a_vm_of_none() -> None:
    at = Position("policy.yaml", 1, 1)
    policy = Policy((Channel("r", ("a", "d"), at), Channel("?", ("b", "d"), at)))
    found = audit(configured(a="allow r", b="allow r", c="allow r", d="allow ?"), "7.0", PROFILE, policy)
    assert (("c",), "r") in _told(found, "surplus-access")
    assert (("a", "b"), "r") in _told(found, "forbidden-meeting")


@pytest.mark.parametrize(("seen", "rule"), [("guest-name", "allow a"), ("host-name", "allow vm-a")])
def test_a_rule_names_the_region_of_the_name_that_the_list_sees(seen: str, rule: str) -> None:
    profile = Profile.load("7.0", {"rules_see": seen})
    found = analyse(configured(left=f"subst ,vm- {rule}", right="allow vm-a"), profile)
    assert [region.host_name for region in found.regions] == [b"vm-a"]
    assert [access.exact for access in found.regions[0].accesses] == [True, True]


def test_a_note_of_one_kind_hides_no_warning_of_it_under_another_reading() -> None:
    found = audit(configured(a="deny x allow wide*"), "7.0", PROFILE)
    told = [each.text for each in found.findings if each.code == "depends-on-reading" and "mixed_tail" in each.text]
    assert len(told) == 1
    assert "if mixed_tail is allow" in told[0]
    assert "[unlimited-regions]" in told[0]


def test_a_channel_is_unused_only_if_no_two_members_have_a_name_of_it() -> None:
    at = Position("policy.yaml", 1, 1)
    policy = Policy((Channel("net_*", ("a", "b"), at),))
    found = audit(configured(a="subst local,net allow local_*", b="allow net_*"), "7.0", PROFILE, policy)
    assert [vms for vms, _ in _told(found, "missing-access")] == [("a",)]
    assert _told(found, "unused-channel") == []
    found = audit(configured(a="allow net_1", b="allow net_2"), "7.0", PROFILE, policy)
    assert [vms for vms, _ in _told(found, "unused-channel")] == [("a", "b")]


_PIECES = ("a", "b", "c", "-", "]", "!", "^", "é", "z", "*", "?", "[ab]", "[!a]", "[]-]", "[!]^-]", r"\[", r"\\", r"\*")
_patterns = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=4).map("".join)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_patterns, min_size=1, max_size=3), st.lists(_patterns, max_size=2))
def test_a_description_has_the_names_that_it_describes(allowed: list[str], denied: list[str]) -> None:
    """Read as a list, the patterns permit what the exceptions and the set itself say, and nothing else."""
    rules = [*(Rule("deny", pattern) for pattern in denied), *(Rule("allow", pattern) for pattern in allowed)]
    names = rules_list(rules, PROFILE).permitted(STATES)
    found = describe(names, empty_counts=True)
    assume(any(found.patterns))
    if found.exact:
        written = [
            *(Rule("deny", pattern) for pattern in found.exceptions if pattern),
            *(Rule("allow", pattern) for pattern in found.patterns if pattern),
        ]
        again = rules_list(written, PROFILE).permitted(STATES)
        assert _without_empty(again) == _without_empty(names)


def _without_empty(names: Dfa) -> Dfa:
    return restricted(names, BYTES, empty=False)


def test_a_proposed_policy_has_names_beyond_ascii_and_says_what_it_cannot_have() -> None:
    text = proposed(analyse(configured(a="allow caf\u00e9*", b="allow caf??"), PROFILE))
    assert "region: caf\u00e9" in text
    assert "#" not in text
    text = proposed(analyse(configured(a="subst local,net allow local_*", b="allow net_*"), PROFILE))
    assert "# a, b: no pattern has just the names in which they meet, such as net_" in text
