# SPDX-License-Identifier: Apache-2.0
"""Names of regions, where the documents leave open what becomes of them. Nothing is judged."""

from __future__ import annotations

from typing import Final

import pytest

from fixtures.attempts import Try
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest
from fixtures.records import Observations
from harness.shmem.registers import MAX_NAME_LENGTH
from harness.shmem.status import Status
from suites.characterisation.experiments import granted, is_there, meeting_point, verdict

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.one_placement, pytest.mark.every_release]

LONG = "a-prefix-of-some-letters-"
SUBSTITUTED = (
    "subst foo,g-",
    "allow g-* subst ,g-",
    f"subst ,{LONG}",
    "create foo1,8192 subst foo,h- create foo2,8192",
    "",
)
SEVERAL = ("subst a,b subst b,c", "")


@pytest.mark.requirement("SHM-SUBST-06", "SHM-OPEN-05", "SHM-OPEN-06", "SHM-OPEN-07", "SHM-OPEN-09")
def test_where_subst_finds_its_first_field(deploy: Deploy, observations: Observations) -> None:
    """The field occurs at the beginning, in the middle, as the whole name, twice, or not at all."""
    guest, *_, peer = deploy(*SUBSTITUTED)
    hosts = {
        name: meeting_point(guest, name, peer, candidates)
        for name, candidates in {
            "foo": ("g-", "foo"),
            "foomem": ("g-mem", "foomem"),
            "my-foo-mem": ("my-g--mem", "my-foo-mem", "g-my-foo-mem"),
            "foofoo": ("g-foo", "g-g-", "foofoo"),
            "bar": ("bar", "g-bar"),
        }.items()
    }
    for name, host in hosts.items():
        observations.record(f"host-side name of '{name}' with 'subst foo,g-'", host)
    anywhere, start = hosts["my-foo-mem"] == "my-g--mem", hosts["foomem"] == "g-mem"
    observations.record("subst_anchor", "anywhere" if anywhere else "start" if start else "whole")
    if anywhere:
        observations.record("subst_occurrences", "all" if hosts["foofoo"] == "g-g-" else "first")
    unmatched = {"bar": "unchanged", "g-bar": "prefixed"}.get(hosts["bar"], "refused")
    observations.record("subst_unmatched", unmatched)
    translated = next((name for name, host in hosts.items() if host not in (name, "") and granted(guest, name)), None)
    if translated:
        read = guest.registers().name.partition(b"\0")[0].decode()
        observations.record("name_readback", {translated: "guest-name"}.get(read, "host-name"))


@pytest.mark.requirement("SHM-SUBST-07", "SHM-OPEN-08")
def test_which_name_rules_see(deploy: Deploy, observations: Observations) -> None:
    """The allowed pattern covers the host-side name of one region and the guest's name of another."""
    _, guest, *_ = deploy(*SUBSTITUTED)
    answers = {name: granted(guest, name) for name in ("mem", "g-mem")}
    for name, seen in answers.items():
        observations.record(f"'{name}' under '{guest.rules}' with 'subst ,g-'", "granted" if seen else "refused")
    observations.record("rules_see", "host-name" if answers["mem"] else "guest-name")


@pytest.mark.requirement("SHM-OPEN-09")
def test_a_host_side_name_that_is_too_long(deploy: Deploy, observations: Observations) -> None:
    """The name is refused or truncated."""
    *_, guest, _, peer = deploy(*SUBSTITUTED)
    name = "long-enough"
    host = meeting_point(guest, name, peer, [(LONG + name)[:MAX_NAME_LENGTH]])
    observations.record("host-side name that is too long", host)
    illegal = f"refused with {Status.ILLEGAL_NAME.name}"
    observations.record("overlong_host_name", "illegal" if host == illegal else "truncated")


@pytest.mark.requirement("SHM-OPEN-09")
def test_which_subst_a_create_sees(deploy: Deploy, bench: Bench, observations: Observations) -> None:
    """One create precedes the subst, one follows it; the resulting names show which are translated."""
    *_, peer = deploy(*SUBSTITUTED)
    taken = tuple(name for name in ("foo1", "h-1", "foo2", "h-2") if is_there(bench, peer, name, 2))
    observations.record("regions of 'create foo1 subst foo,h- create foo2'", ", ".join(taken))
    readings: dict[tuple[str, ...], str] = {
        ("foo1", "h-2"): "positional",
        ("h-1", "h-2"): "global",
        ("foo1", "foo2"): "ignored",
    }
    observations.record("subst_on_create", readings.get(taken, "none that is known"))


@pytest.mark.requirement("SHM-OPEN-09")
def test_several_substs(deploy: Deploy, attempt: Try, observations: Observations) -> None:
    """A name that is the first field of the first one, whose result is the first field of the second."""
    tried = attempt(f"vdev shmem {{location}} {SEVERAL[0]}")
    if tried.status is not None:
        observations.record("subst_several", "rejected")
        return
    guest, peer = deploy(*SEVERAL)
    host = meeting_point(guest, "a", peer, ("b", "c", "a", "ca"))
    observations.record("host-side name of 'a' with 'subst a,b subst b,c'", host)
    observations.record("subst_several", {"b": "first-found", "c": "chain"}.get(host, "last"))


NAMES: Final[dict[str, bytes]] = {
    "name_empty": b"",
    "name_slash": b"sl/ash",
    "name_control": b"be\x07ll",
    "name_non_ascii": b"caf\xe9",
    "name_leading_dot": b".dot",
}
FREE = ("", "", "")


@pytest.mark.requirement("SHM-OPEN-16")
def test_which_names_are_legal(deploy: Deploy, observations: Observations) -> None:
    """A name of 32 characters without a terminator is tried, too."""
    guest, peer, _ = deploy(*FREE)
    for field, name in NAMES.items():
        answer = verdict(guest, name)
        observations.record(f"a request for {name!r}", answer)
        observations.record(field, "legal" if answer == "granted" else "illegal")
    observations.record("name_unterminated", _unterminated(guest, peer))


def _unterminated(guest: Guest, peer: Guest) -> str:
    name = "32-characters-and-no-terminator-"
    answer = guest.request(name)
    if answer.region is None:
        return "illegal"
    shorter = peer.request(name[:MAX_NAME_LENGTH]).region
    return "truncated" if shorter and len(shorter.members()) > 1 else "legal"
