# SPDX-License-Identifier: Apache-2.0
"""Answers to open questions, compared with the profile of the bench, and the resulting advice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.report.pages import readings
from harness.report.pages.readings import Reading
from tests.report.recorded_suite import Session, Suite

ANSWERS = """
    @pytest.mark.requirement("TST-REC-07")
    def test_one(bench, observations):
        observations.record("tail", "allow" if bench == "right" else "deny")
        observations.record("anchor", "start or whole")
        observations.record("note", "no question of the profile")

    @pytest.mark.requirement("TST-REC-07")
    def test_other(bench, observations):
        observations.record("tail", "deny")
        observations.record("syntax", "star" if bench == "right" else "glob")
"""


@pytest.fixture(scope="module")
def session(make_suite: Callable[[str], Suite]) -> Session:
    return make_suite(ANSWERS).run()


def test_what_was_asked_and_seen(session: Session) -> None:
    assert readings.by_bench(session.report.cases)["right"] == [
        Reading("anchor", "start", ["start or whole"]),
        Reading("syntax", "glob", ["star"]),
        Reading("tail", "deny", ["allow", "deny"]),
    ]


def test_other_answers_are_reported_and_change_no_verdict(session: Session) -> None:
    assert session.status == 0, session.output
    expected = [line for line in session.output.splitlines() if line.startswith("profile of ")]
    assert expected == [
        "profile of right: syntax is star, the profile says glob",
        "profile of right: tail is allow and deny, the profile says deny",
    ]


def test_the_page_has_what_makes_the_profile_agree(session: Session) -> None:
    page = (session.folder / "index.html").read_text()
    assert "profile_overrides:\n  syntax: star\n</pre>" in page
    assert "<summary>3 answered, 2 other than the profile</summary>" in page
    assert "<summary>3 answered, 0 other than the profile</summary>" in page


def test_without_a_profile_there_is_nothing_to_compare(make_suite: Callable[[str], Suite]) -> None:
    source = """
        @pytest.mark.requirement("TST-REC-07")
        def test_it(observations):
            observations.record("index", 3)
    """
    session = make_suite(source).run()
    assert readings.by_bench(session.report.cases) == {}
    assert "Open questions" not in (session.folder / "index.html").read_text()
