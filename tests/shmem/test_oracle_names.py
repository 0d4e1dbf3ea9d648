# SPDX-License-Identifier: Apache-2.0
"""Names: which are legal, what ``subst`` makes of them, and what ``create`` makes before the guest runs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from harness.shmem.config import ShmemVdev, Subst, parse, shmems_of
from harness.shmem.oracle import creations, decide, guest_mode
from harness.shmem.oracle.patterns import name_bytes
from harness.shmem.profile import Profile
from harness.shmem.status import Status
from tests.shmem.strategies import profiles, shmem_vdevs, texts


def vdev(options: str) -> ShmemVdev:
    """A shmem vdev with these options."""
    return shmems_of(parse(f"vdev shmem {options}"))[0]


SUBST = [
    # options, guest's name, readings, host's name (None: refused)
    ("subst foo,X", "foomem", {}, "Xmem"),
    ("subst foo,X", "memfoo", {}, "memX"),
    ("subst foo,X", "memfoo", {"subst_anchor": "start"}, "memfoo"),
    ("subst foo,X", "foomem", {"subst_anchor": "whole"}, "foomem"),
    ("subst foo,X", "foo", {"subst_anchor": "whole"}, "X"),
    ("subst ,X", "foo", {"subst_anchor": "whole"}, "Xfoo"),
    ("subst foo,X", "foofoo", {}, "Xfoo"),
    ("subst foo,X", "foofoo", {"subst_occurrences": "all"}, "XX"),
    ("subst foo,X", "foofoo", {"subst_occurrences": "all", "subst_anchor": "start"}, "Xfoo"),
    ("subst aa,X", "aaa", {"subst_occurrences": "all"}, "Xa"),
    ("subst ,X", "foo", {"subst_occurrences": "all"}, "Xfoo"),
    ("subst foo,foofoo", "foo", {"subst_occurrences": "all"}, "foofoo"),
    ("subst foo,X", "mem", {"subst_unmatched": "prefixed"}, "Xmem"),
    ("subst foo,X", "mem", {"subst_unmatched": "refused"}, None),
    ("subst foo,", "foomem", {}, "mem"),
    ("subst a,X subst b,Y", "ab", {}, "Xb"),
    ("subst a,X subst b,Y", "cb", {}, "cY"),
    ("subst a,X subst b,Y", "ab", {"subst_several": "last"}, "aY"),
    ("subst a,X subst b,Y", "ab", {"subst_several": "chain"}, "XY"),
    ("subst a,b subst b,c", "a", {"subst_several": "chain"}, "c"),
    ("subst a,X subst b,Y", "c", {"subst_unmatched": "prefixed"}, "Xc"),
    ("subst a,X subst b,Y", "c", {"subst_unmatched": "prefixed", "subst_several": "chain"}, "YXc"),
    ("subst a,X subst b,Y", "a", {"subst_unmatched": "refused", "subst_several": "chain"}, None),
    ("create a,4k subst a,X", "a", {}, "X"),
]


@pytest.mark.parametrize(("options", "name", "readings", "host_name"), SUBST)
def test_substitution(options: str, name: str, readings: dict[str, str], host_name: str | None) -> None:
    decision = decide(vdev(options), name, Profile.load("7.0", readings))
    if host_name is None:
        assert (decision.allowed, decision.status, decision.reason) == (
            False,
            Status.NO_PERMISSION,
            "no 'subst' fits the name",
        )
    else:
        assert (decision.allowed, decision.host_name) == (True, host_name)


ILLEGAL = [
    # guest's name, options, readings, why
    ("", "", {}, "the name is empty"),
    ("n" * 32, "", {}, "the name has 32 bytes, and at most 31 fit"),
    ("n" * 33, "", {"name_unterminated": "truncated"}, "the name has 33 bytes, and at most 31 fit"),
    ("é" * 16, "", {}, "the name has 32 bytes, and at most 31 fit"),
    ("a/b", "", {}, "the name contains '/'"),
    ("a\nb", "", {}, "the name contains the byte 0x0a"),
    ("a\x7fb", "", {}, "the name contains the byte 0x7f"),
    ("aé", "", {"name_non_ascii": "illegal"}, "the name contains the byte 0xc3"),
    (".a", "", {"name_leading_dot": "illegal"}, "the name begins with '.'"),
    ("n" * 30, "subst ,XY", {}, "on the host's side the name has 32 bytes, and at most 31 fit"),
    ("foo", "subst foo,", {}, "on the host's side the name is empty"),
    ("mem", "subst ,vm0/", {}, "on the host's side the name contains '/'"),
]


@pytest.mark.parametrize(("name", "options", "readings", "reason"), ILLEGAL)
def test_illegal_name(name: str, options: str, readings: dict[str, str], reason: str) -> None:
    decision = decide(vdev(options), name, Profile.load("7.0", readings))
    assert (decision.allowed, decision.rule, decision.implicit) == (False, None, None)
    assert (decision.status, decision.reason) == (Status.ILLEGAL_NAME, reason)


LEGAL = [
    # guest's name, options, readings, host's name
    ("n" * 31, "", {}, "n" * 31),
    ("n" * 32, "", {"name_unterminated": "legal"}, "n" * 32),
    ("n" * 32, "", {"name_unterminated": "truncated"}, "n" * 31),
    ("", "", {"name_empty": "legal"}, ""),
    ("a/b", "", {"name_slash": "legal"}, "a/b"),
    ("a\tb", "", {"name_control": "legal"}, "a\tb"),
    ("aé b", "", {}, "aé b"),
    (".a", "", {}, ".a"),
    ("a\0rest", "", {}, "a"),
    ("\udcff", "", {}, "\udcff"),
    ("n" * 30, "subst ,XY", {"overlong_host_name": "truncated"}, "XY" + "n" * 29),
]


@pytest.mark.parametrize(("name", "options", "readings", "host_name"), LEGAL)
def test_legal_name(name: str, options: str, readings: dict[str, str], host_name: str) -> None:
    decision = decide(vdev(options), name, Profile.load("7.0", readings))
    assert (decision.allowed, decision.host_name, decision.status) == (True, host_name, Status.OK)


def test_a_rule_is_asked_before_the_host_side_name_is_judged() -> None:
    overlong = vdev(f"deny * subst ,{'p' * 31}")
    assert decide(overlong, "a", Profile.load("7.0")).status is Status.NO_PERMISSION
    assert decide(overlong, "a", Profile.load("7.0", {"rules_see": "host-name"})).status is Status.ILLEGAL_NAME


@settings(max_examples=200, deadline=None)
@given(
    shmem_vdevs(),
    texts(max_size=40),
    profiles("subst_anchor", "subst_occurrences", "subst_unmatched", "rules_see", "overlong_host_name", "mixed_rules"),
)
def test_a_permitted_name_always_has_a_legal_host_name(view: ShmemVdev, name: str, profile: Profile) -> None:
    kept = ShmemVdev(tuple(option for option in view.options if getattr(option, "pattern", "x") != ""))
    if profile.mixed_rules == "rejected" and len({rule.kind for rule in kept.rules}) > 1:
        return
    decision = decide(kept, name, profile)
    if decision.allowed:
        assert 0 < len(name_bytes(decision.host_name)) < 32
        assert decide(ShmemVdev(), decision.host_name, profile).allowed


@settings(max_examples=100, deadline=None)
@given(texts(min_size=1, max_size=8, without="\t\n/"), texts(max_size=8, without="\t\n/"))
def test_an_empty_first_field_puts_the_prefix_in_front(name: str, prefix: str) -> None:
    decision = decide(ShmemVdev((Subst("", prefix),)), name, Profile.load("7.0"))
    if len((prefix + name).encode()) < 32:
        assert decision.host_name == prefix + name


CREATE = [
    # options, readings, host's name, pages, problem
    ("create a,4096", {}, "a", 1, ""),
    ("create a,4097", {}, "a", 2, ""),
    ("create a,0x1000", {}, "a", 1, ""),
    ("create a,4m", {}, "a", 1024, ""),
    ("subst a,X create a,4k", {}, "X", 1, ""),
    ("create a,4k subst a,X", {}, "a", 1, ""),
    ("create a,4k subst a,X", {"subst_on_create": "global"}, "X", 1, ""),
    ("subst a,X create a,4k", {"subst_on_create": "ignored"}, "a", 1, ""),
    ("create a,0", {}, "a", 0, "the size is 0"),
    ("create a,4097", {"create_rounding": "rejected"}, "a", 2, "the size is not a multiple of 4096"),
    ("create a/b,4k", {}, "a/b", 1, "the name contains '/'"),
    ("deny a create a,4k", {}, "a", 1, ""),
    ("deny a create a,4k", {"create_vs_rules": "obey"}, "a", 1, "the vdev's own rules refuse the name"),
    ("create a,4k deny a", {"create_vs_rules": "obey"}, "a", 1, "the vdev's own rules refuse the name"),
    ("allow a create a,4k", {"create_vs_rules": "obey"}, "a", 1, ""),
    ("subst ,x/ create a,4k", {}, "x/a", 1, "on the host's side the name contains '/'"),
    ("subst b,c create a,4k", {"subst_unmatched": "refused"}, "a", 1, "no 'subst' fits the name"),
]


@pytest.mark.parametrize(("options", "readings", "host_name", "pages", "problem"), CREATE)
def test_create(options: str, readings: dict[str, str], host_name: str, pages: int, problem: str) -> None:
    (made,) = creations(vdev(options), Profile.load("7.0", readings))
    assert (made.host_name, made.pages, made.problem) == (host_name, pages, problem)
    assert (made.mode, made.gid) == (None, None)


PERMISSIONS = [
    # options, readings, mode, group
    ("create a,4k", {}, 0o666, None),
    ("create a,4k,0640", {}, 0o640, None),
    ("create a,4k,0777", {}, 0o666, None),
    ("umask 022 create a,4k", {}, 0o644, None),
    ("create a,4k umask 022", {}, 0o666, None),
    ("umask 022 create a,4k,0666", {}, 0o666, None),
    ("umask 022 create a,4k,0666", {"umask_on_mode": "always"}, 0o644, None),
    ("umask 022 umask 077 create a,4k", {}, 0o600, None),
    ("gid users create a,4k", {}, 0o666, "users"),
    ("create a,4k gid users", {}, 0o666, None),
    ("gid users create a,4k,0600,7", {}, 0o600, "7"),
]


@pytest.mark.parametrize(("options", "readings", "mode", "gid"), PERMISSIONS)
def test_permissions_of_a_created_region(options: str, readings: dict[str, str], mode: int, gid: str | None) -> None:
    (made,) = creations(vdev(options), Profile.load("8.0", readings))
    assert (made.mode, made.gid) == (mode, gid)


def test_permissions_that_a_guest_asks_for() -> None:
    profile = Profile.load("8.0")
    assert guest_mode(vdev(""), 0o640, profile) == 0o640
    assert guest_mode(vdev("umask 006"), 0o666, profile) == 0o660
    assert guest_mode(vdev("umask 006"), 0o777, profile) == 0o660
    assert guest_mode(vdev("umask 006 umask 022"), 0o666, profile) == 0o644
    assert guest_mode(vdev("umask 006"), 0, profile) == 0o660
    assert guest_mode(vdev("umask 006"), 0, Profile.load("8.0", {"flags_zero": "no-permissions"})) == 0


def test_several_creates_keep_their_order() -> None:
    made = creations(vdev("create a,4k subst ,X create b,8k"), Profile.load("7.0"))
    assert [(item.host_name, item.pages) for item in made] == [("a", 1), ("Xb", 2)]
