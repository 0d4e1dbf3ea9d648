# SPDX-License-Identifier: Apache-2.0
"""The scope of a target may only name what is stated for its release: the rest would be dropped without a word."""

from __future__ import annotations

from harness.bench.settings import Scope
from harness.shmem.profile import PROFILES
from harness.shmem.requirements import load_requirements
from harness.target.scope.requirements import scope_complaints


def test_what_a_release_does_not_state_is_refused_and_nothing_else_is() -> None:
    requirements = [each for each in load_requirements().values() if each.kind == "judge"]
    refused = 0
    for release in PROFILES:
        for requirement in requirements:
            complaints = [text for _, text in scope_complaints(Scope("some", (requirement.id,)), release)]
            assert bool(complaints) == (release not in requirement.releases)
            refused += len(complaints)
            assert all(each in text for text in complaints for each in (requirement.id, *requirement.releases, release))
    assert refused > 10


def test_a_pattern_has_to_name_something_of_the_release() -> None:
    assert not list(scope_complaints(Scope("some", ("SHM-*",)), "7.0"))
    only_later = [each for each in load_requirements().values() if each.kind == "judge" and each.releases == ("8.0",)]
    stems = {each.id.rpartition("-")[0] for each in only_later if each.id.startswith("SHM-PERM")}
    assert stems
    for stem in stems:
        [(where, text)] = scope_complaints(Scope("some", ("SHM-ALLOW-*", f"{stem}-*")), "7.0")
        assert where == ("requirements", 1)
        assert text == f"{stem}-* is stated for 8.0, and not for 7.0"
