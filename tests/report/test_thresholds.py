# SPDX-License-Identifier: Apache-2.0
"""Figures held against thresholds: what is kept, missed, and not judged, in the command's words and in the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli import bench
from harness.report.evidence import reader
from harness.report.evidence.document import build
from harness.report.evidence.journal import Began, CaseDone, Ended, Entry, LookedAt, RunError, ScopeSet
from harness.report.evidence.model import BenchScope, Case, Metric, Report, Source, Verdict
from harness.report.figures import thresholds
from harness.report.figures.records import Threshold
from harness.report.pages import html
from harness.site import Site

DESK = Site("desk", "x86_64", "pci", "probe", "serial")
TIME = "2026-01-01T02:00:00+00:00"
COPY = Metric("copy, far", "MB/s", 5000.0, 5102.0, 0.98, DESK, block_bytes=4096, against="private RAM", noise=0.01)
SMALL = Metric("copy, far", "MB/s", 900.0, 1000.0, 0.9, DESK, block_bytes=8, against="private RAM", noise=0.01)
TRIP = Metric("round trip", "us", 80.0, None, None, DESK, better="lower", noise=0.02)
NOISY = Metric("stream", "MB/s", 1.0, 2.0, 0.5, DESK, noise=0.4)
OTHER = Metric("round trip", "us", 900.0, None, None, Site("other", "x86_64", "pci"), better="lower", noise=0.02)
METRICS = [COPY, SMALL, TRIP, NOISY, OTHER]


def ratio(figure: str, least: float | None = None, most: float | None = None, block: int | None = None) -> Threshold:
    return Threshold("desk", figure, block, "", least, most)


def value(figure: str, unit: str, least: float | None = None, most: float | None = None) -> Threshold:
    return Threshold("desk", figure, None, unit, least, most)


def night(
    *asked: Threshold,
    verdict: Verdict = "recorded",
    metrics: Sequence[Metric] = METRICS,
    more: Sequence[Entry] = (),
    sources: Sequence[Source] = (),
) -> Report:
    """The report of a run that took all figures above."""
    case = Case("suites/performance/test_a.py::test_b", ["SHM-PERF-01"], DESK, verdict, 1.0, 0.5, 0.4, 0.1, "")
    began = Began("run", TIME, "harness bench", "1", "c" * 40, "P", "L", sources=list(sources))
    return build([began, ScopeSet([], [], list(asked)), CaseDone(case, list(metrics)), *more, Ended(TIME)])


@pytest.mark.parametrize(
    ("asked", "verdicts"),
    [
        (ratio("copy, far", least=0.95), ["kept", "missed"]),
        (ratio("copy, far", least=0.95, block=4096), ["kept"]),
        (ratio("copy, far", least=0.95, block=8), ["missed"]),
        (ratio("copy*", least=0.5), ["kept", "kept"]),
        (ratio("copy, far", most=0.95), ["missed", "kept"]),
        (ratio("copy, far", least=0.9, most=0.98), ["kept", "kept"]),
        (value("round trip", "us", most=80), ["kept"]),
        (value("round trip", "us", most=79.9), ["missed"]),
        (value("copy, far", "MB/s", least=1000), ["kept", "missed"]),
        (ratio("stream", least=0.1), ["too noisy to judge"]),
        (ratio("stream", least=0.9), ["too noisy to judge"]),
        (value("stream", "MB/s", least=9), ["too noisy to judge"]),
        (ratio("copy", least=0.1), ["not measured"]),
        (ratio("round trip", most=99), ["not measured"]),
        (value("round trip", "ms", most=99), ["not measured"]),
        (ratio("copy, far", least=0.1, block=64), ["not measured"]),
    ],
)
def test_what_comes_of_a_threshold(asked: Threshold, verdicts: list[str]) -> None:
    assert [each.verdict for each in thresholds.judged([asked, asked], METRICS)] == verdicts


MISSED = ratio("copy, far", least=0.95)
UNKNOWN = ratio("cpoy", least=0.95)


@pytest.mark.parametrize(
    ("asked", "verdict", "status", "outcome"),
    [
        ([value("round trip", "us", most=99)], "recorded", 0, "measured, 4 judged, 1 too noisy to judge; "
         "thresholds: 1 kept"),
        ([MISSED], "recorded", 1, "FAIL, 4 judged, 1 too noisy to judge; thresholds: 1 kept, 1 missed"),
        ([ratio("stream", least=0.9)], "recorded", 2, "bench error, 4 judged, 1 too noisy to judge; "
         "thresholds: 1 too noisy to judge"),
        ([ratio("*", most=0.99)], "recorded", 0, "measured, 4 judged, 1 too noisy to judge; "
         "thresholds: 2 kept, 1 too noisy to judge"),
        ([UNKNOWN], "recorded", 2, "bench error, 4 judged, 1 too noisy to judge; thresholds: 1 not measured"),
        ([MISSED, UNKNOWN], "recorded", 1, "FAIL, 4 judged, 1 too noisy to judge; "
         "thresholds: 1 kept, 1 missed, 1 not measured"),
        ([MISSED], "error", 2, "bench error, 4 judged, 1 too noisy to judge; thresholds: 1 kept, 1 missed"),
    ],
)  # fmt: skip
def test_what_comes_of_a_run(asked: list[Threshold], verdict: Verdict, status: int, outcome: str) -> None:
    report = night(*asked, verdict=verdict)
    assert (bench.status_of(report, ["desk"]), bench.outcome(report, ["desk"])) == (status, outcome)


def test_where_only_some_figures_were_asked_for_the_others_may_be_missing() -> None:
    assert bench.status_of(night(UNKNOWN), []) == 0
    assert bench.status_of(night(ratio("stream", least=0.9)), []) == 2


def test_a_bench_that_was_refused_is_wrong_usage_although_others_measured() -> None:
    report = night(more=[RunError("rack/vms/b.qvmconf:1: reads as a copy", usage=True)])
    assert (bench.status_of(report, ["desk"]), bench.outcome(report, ["desk"])) == (
        3,
        "wrong usage, 4 judged, 1 too noisy to judge",
    )


@pytest.mark.parametrize(("wanted", "status"), [(["desk", "other"], 0), (["desk", "rack"], 2)])
def test_each_bench_of_a_whole_run_has_figures(wanted: list[str], status: int) -> None:
    assert bench.status_of(night(), wanted) == status


def test_figures_of_which_none_can_be_judged_are_a_bench_error() -> None:
    report = night(metrics=[NOISY, replace(TRIP, noise=0.4)])
    assert bench.outcome(report, ["desk"]) == "bench error, 0 judged, 2 too noisy to judge"
    assert bench.status_of(report, []) == 2


@pytest.mark.parametrize("judges_nothing", [ratio("stream", least=0.1), UNKNOWN])
def test_a_threshold_that_judges_nothing_makes_no_pass(judges_nothing: Threshold) -> None:
    kept = value("round trip", "us", most=99)
    scope = ScopeSet([BenchScope("desk", "board desk", "7.0", "everything", ["SHM-PERF-01"])])
    whole: list[Entry] = [scope, LookedAt(["suites/performance/test_a.py::test_b"])]
    sources = [Source("the harness", "c" * 40)]
    assert night(kept, verdict="pass", more=whole, sources=sources).run.verdict == "pass"
    run = night(kept, judges_nothing, verdict="pass", more=whole, sources=sources).run
    assert (run.verdict, run.exit_status) == ("partial", 4)
    [shortfall] = run.shortfalls
    assert shortfall.kind == "threshold"
    assert judges_nothing.figure in shortfall.text


def test_the_report_of_a_run_that_missed_a_threshold_fails() -> None:
    assert (night().run.verdict, night().run.reasons) == ("partial", [])
    run = night(MISSED, ratio("stream", least=0.9), UNKNOWN).run
    assert (run.verdict, run.exit_status) == ("fail", 1)
    assert run.reasons == [
        "a threshold was missed: copy, far 8 bytes, desk pci · probe · serial: 0.9 of private RAM"
    ]  # fmt: skip
    assert night(MISSED, verdict="error").run.exit_status == 2


def test_each_that_was_not_kept_has_a_line() -> None:
    report = night(UNKNOWN, ratio("stream", least=0.9), MISSED, value("round trip", "us", least=1, most=9))
    assert list(thresholds.lines(report.thresholds)) == [
        "threshold missed: copy, far 8 bytes, desk pci · probe · serial: 0.9 of private RAM,"
        " expected at least 0.95 of the reference",
        "threshold missed: round trip, desk pci · probe · serial: 80 us, expected at least 1 and at most 9 us",
        "threshold not judged: stream, desk pci · probe · serial: too noisy to judge,"
        " expected at least 0.9 of the reference",
        "threshold not judged: no figure was taken that is cpoy, desk, expected at least 0.95 of the reference",
    ]


def test_the_page_and_the_results_have_them(tmp_path: Path) -> None:
    report = night(ratio("stream", least=0.9), MISSED)
    html.write(tmp_path, report)
    page = (tmp_path / "index.html").read_text()
    table = page[page.index("<h3>Thresholds</h3>") :]
    rows = [table.index(words) for words in ('<span class="verdict fail">missed</span>', "too noisy to judge", "kept")]
    assert rows == sorted(rows)
    assert "0.9 of private RAM" in table
    (first, *_) = json.loads(reader.to_json(report))["thresholds"]
    assert (first["verdict"], first["found"], first["threshold"]["least"]) == ("too noisy to judge", None, 0.9)
