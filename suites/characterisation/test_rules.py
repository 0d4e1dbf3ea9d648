# SPDX-License-Identifier: Apache-2.0
"""Restrictions lists, where the documents leave open what they mean. Nothing is judged."""

from __future__ import annotations

import pytest

from fixtures.access import Access
from fixtures.attempts import Try
from fixtures.deployment import Deploy
from fixtures.records import Observations
from harness.shmem.status import Status
from suites.characterisation.experiments import granted, verdict
from suites.characterisation.mixed_lists import COVERING, DECIDES, OTHERS, TAILS

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.one_placement, pytest.mark.every_release]


@pytest.mark.requirement("SHM-MIX-04", "SHM-MIX-05", "SHM-MIX-06", "SHM-OPEN-01", "SHM-OPEN-02", "SHM-OPEN-03")
def test_lists_of_both_kinds(deploy: Deploy, attempt: Try, access: Access, observations: Observations) -> None:
    """Lists that distinguish the readings. What two releases do can be compared in two reports."""
    tried = attempt(f"vdev shmem {{location}} {COVERING[0]}")
    observations.record("qvm on a list of both kinds", "accepts it" if tried.status is None else f"ends {tried.status}")
    observations.record("what qvm says of it", tried.messages.strip() or "nothing")
    if tried.status is not None:
        observations.record("mixed_rules", "rejected")
        return
    guests = deploy(*COVERING, *OTHERS)
    asked = ["neo"] * len(COVERING) + ["zeta"] * len(OTHERS)
    answers = [granted(guest, name) for guest, name in zip(guests, asked, strict=True)]
    for guest, name, seen in zip(guests, asked, answers, strict=True):
        access.matrix.record(configuration=guest.rules, guest=guest.name, name=name, expected=None, seen=seen)
        observations.record(f"'{name}' under '{guest.rules}'", "granted" if seen else "refused")
    observations.record("mixed_rules", DECIDES.get(tuple(answers[: len(COVERING)]), "none that is known"))
    observations.record("mixed_tail", TAILS[answers[-2], answers[-1]])


DIALECT = (r"allow q? allow s[ab]1 allow n[!c]1 allow e\* allow CASE allow sl*sh allow *dot",)


@pytest.mark.requirement("SHM-ALLOW-08", "SHM-OPEN-04")
def test_patterns(deploy: Deploy, attempt: Try, observations: Observations) -> None:
    """A guest that may use what its patterns cover, and nothing else."""
    (guest,) = deploy(*DIALECT)
    answers = {
        name: verdict(guest, name) for name in ("qa", "q?", "sa1", "sc1", "na1", "nc1", "e*", "ex", "case", "CASE")
    }
    for name, said in answers.items():
        observations.record(f"'{name}' under '{guest.rules}'", said)
    shell = [answers["qa"], answers["sa1"], answers["na1"]] == ["granted"] * 3
    syntax = ("glob-escape" if answers["e*"] == "granted" else "glob") if shell else "star"
    observations.record("pattern_syntax", syntax)
    observations.record("pattern_case", "insensitive" if answers["case"] == "granted" else "sensitive")
    for field, name, special in (("pattern_slash", "sl/sh", "separator"), ("pattern_dot", ".dot", "explicit")):
        status = guest.request(name).status
        if status == Status.ILLEGAL_NAME:
            observations.record(f"{field} cannot be seen", "such a name is illegal")
        else:
            observations.record(field, "ordinary" if status == Status.OK else special)
    tried = attempt('vdev shmem {location} allow ""')
    observations.record("pattern_empty", "matches-empty" if tried.status is None else "rejected")


@pytest.mark.requirement("SHM-OPEN-18")
def test_the_status_of_a_refusal(deploy: Deploy, observations: Observations) -> None:
    """The name is unused, or a peer has created it."""
    guest, peer = deploy("deny secret", "")
    fresh = guest.request("secret").status
    peer.attach("secret")
    observations.record("denied_status", fresh.name)
    observations.record("status of a refused attach", guest.request("secret").status.name)
