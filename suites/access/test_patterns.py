# SPDX-License-Identifier: Apache-2.0
"""Patterns with several metacharacters, one right behind the other, and sets whose members look like some."""

from __future__ import annotations

import pytest

from fixtures.access import ALLOWED, REFUSED, Access
from fixtures.bench import Bench
from fixtures.deployment import Deploy

# Rules do not depend on the placement: the examples of the manual are tried in both, these details in one.
pytestmark = pytest.mark.one_placement

BEHIND_A_STAR = (r"allow night*[0-9] allow *[!a-z]x allow day*\* allow ?*?e", r"deny night*[0-9] deny *\[", "")
COVERED = ("night1", "night-12", "night3night4", "-x", "moon-x", "x-x", "day*", "days*", "day**", "blue", "bee", "--e")
UNCOVERED = ("night", "night1-", "nights", "x", "moonx", "day", "days", "day*s", "be", "e", "blues")


@pytest.mark.requirement("SHM-PROF-02")
def test_a_star_before_a_set_an_escape_and_a_question_mark(deploy: Deploy, access: Access, bench: Bench) -> None:
    """The star ends wherever the rest fits, not at a character that is written behind it."""
    if bench.profile.pattern_syntax != "glob-escape":
        pytest.skip(f"patterns of bench {bench.name} have not all of these: {bench.profile.pattern_syntax}")
    allowing, denying, _ = deploy(*BEHIND_A_STAR)
    access.check(allowing, {**dict.fromkeys(COVERED, ALLOWED), **dict.fromkeys(UNCOVERED, REFUSED)})
    access.check(denying, {"night1": REFUSED, "night-1": REFUSED, "night": ALLOWED, "day[": REFUSED, "day": ALLOWED})


SETS = (r"allow [[:]x allow []:]y allow [[:digit:]_-]z allow [!]a-c]w allow [\]\-]v", "")
IN_SETS = ("[x", ":x", "]y", ":y", "7z", "_z", "-z", "dw", "[w", "]v", "-v")
NOT_IN_SETS = ("x", "]x", "[:x", "[y", "az", ":z", "]w", "bw", "\\v", "[v", "[[:]x", "7", "[:digit:]z")


@pytest.mark.requirement("SHM-PROF-02")
def test_a_set_has_the_members_that_it_has_in_a_shell(deploy: Deploy, access: Access, bench: Bench) -> None:
    """The members include brackets, colons, hyphens, escapes and classes."""
    if bench.profile.pattern_syntax != "glob-escape":
        pytest.skip(f"patterns of bench {bench.name} have not all of these: {bench.profile.pattern_syntax}")
    guest, _ = deploy(*SETS)
    access.check(guest, {**dict.fromkeys(IN_SETS, ALLOWED), **dict.fromkeys(NOT_IN_SETS, REFUSED)})
