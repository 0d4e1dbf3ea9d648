# SPDX-License-Identifier: Apache-2.0
"""Failures that are known: where they count, and which marks of tests are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.report.recorded_suite import Suite

MakeSuite = Callable[[str], Suite]

KNOWN = """
    @pytest.mark.requirement("TST-REQ-01")
    @pytest.mark.known_failure(reason="rounds down", link="https://example.org/7", expires="{expires}")
    def test_a(bench):
        assert bench == "left"
"""


def test_known_failure_is_carried(make_suite: MakeSuite) -> None:
    session = make_suite(KNOWN.format(expires="2999-12-31")).run()
    assert session.status == 0
    right = session.report.results[1]
    assert right.verdict == "fail"
    assert right.known_failure is not None
    assert (right.known_failure.link, right.known_failure.expired) == ("https://example.org/7", False)
    page = (session.folder / "index.html").read_text()
    assert "https://example.org/7" in page
    assert "Known failures that pass now" in page


def test_expired_known_failure_counts(make_suite: MakeSuite) -> None:
    session = make_suite(KNOWN.format(expires="2020-01-31")).run()
    assert session.status == 1
    assert "1 known failure expired" in session.report.run.reasons


def test_known_failure_of_one_bench_hides_no_other(make_suite: MakeSuite) -> None:
    session = make_suite("""
        @pytest.mark.known_failure(reason="r", link="l", expires="2999-01-01", bench="left")
        def test_a(bench):
            assert False
    """).run()
    assert session.status == 1
    assert session.report.run.reasons == ["1 test failed"]


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("known_failure(reason='r', expires='2999-01-01')", "missing: link"),
        ("known_failure(reason='r', link='l', expires='soon')", "expected YYYY-MM-DD"),
        ("known_failure(reason='r', link='l', expires='2999-01-01', until=3)", "not understood: ['until']"),
        ("requirement()", "takes ids of requirements and nothing else"),
        ("requirement('TST-REQ-01', kind='judge')", "takes ids of requirements and nothing else"),
        ("requirement('TST-REQ-01', 'SHM-ALLOW-01')", "not in the catalogue:\n  SHM-ALLOW-01 (test_it.py::test_a)"),
    ],
)
def test_incomplete_marks_are_refused(make_suite: MakeSuite, mark: str, expected: str) -> None:
    session = make_suite(f"@pytest.mark.{mark}\ndef test_a(): ...").run()
    assert session.status != 0
    assert expected in session.output
    assert expected in session.report.run.reasons[0]
    assert session.report.run.exit_status == 3
