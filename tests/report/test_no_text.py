# SPDX-License-Identifier: Apache-2.0
"""What a test says with bytes in it that are no text, as a name of a region may have, is in the report as escapes."""

from __future__ import annotations

from collections.abc import Callable

from tests.report.recorded_suite import Suite

SUITE = r"""
    from harness.errors import BenchError
    from harness.report.judging.judgements import Finding

    NAME = b"r\xe4d".decode(errors="surrogateescape")
    HALF = "\ud800"

    @pytest.mark.requirement("TST-REQ-01")
    def test_records(bench, metrics, access_matrix, observations):
        metrics.record(name=NAME, unit=HALF, value=1.0)
        access_matrix.record(configuration=f"allow {NAME}", guest="g1", name=NAME, expected=True, seen=True)
        observations.record("subst_anchor", NAME)
        assert bench

    @pytest.mark.requirement("TST-REQ-02")
    def test_finding(bench):
        print(NAME)
        raise Finding(f"{NAME} differs from {HALF}")

    @pytest.mark.requirement("TST-REQ-03")
    def test_assertion(bench):
        assert [NAME] == [HALF]

    @pytest.mark.requirement("TST-REQ-04")
    def test_error(bench):
        raise BenchError(f"no {NAME}", remedy=f"make {HALF}")
"""


def test_every_record_is_kept(make_suite: Callable[[str], Suite]) -> None:
    session = make_suite(SUITE).run()
    assert session.status == 1, session.output
    verdicts = {"test_records": "pass", "test_finding": "fail", "test_assertion": "fail", "test_error": "error"}
    assert {test.partition("[")[0]: verdict for test, verdict in session.verdicts().items()} == verdicts
    reasons = {case.reason for case in session.report.cases if "test_finding" in case.test}
    assert reasons == {r"r\xe4d differs from \ud800"}
    assert {access.name for access in session.report.access} == {r"r\xe4d"}
    assert {(metric.name, metric.unit) for metric in session.report.metrics} == {(r"r\xe4d", r"\ud800")}
    assert "internal error" not in session.output
