# SPDX-License-Identifier: Apache-2.0
"""Reports of several nights: what goes into the history, and what is said of it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli import bench
from harness.cli import main as harness
from harness.errors import BenchError
from harness.measure.history import FILE, History
from harness.report.comparing import nights
from harness.report.evidence.document import build
from harness.report.evidence.journal import Began, CaseDone, Ended, Entry, NightsCompared
from harness.report.evidence.model import Case, Metric, Report, Verdict
from harness.report.figures.nights import lines
from harness.report.figures.records import FigureHistory
from harness.site import Site

SITE = Site("desk", "x86_64", "pci", "probe", "serial")


def night(
    number: int, *metrics: Metric, verdict: Verdict = "recorded", history: Sequence[FigureHistory] = ()
) -> Report:
    """The report of a run of one test that took these figures."""
    started = f"2026-01-{number + 1:02}T02:00:00+00:00"
    case = Case("suites/performance/test_a.py::test_b", ["SHM-PERF-01"], SITE, verdict, 1.0, 0.5, 0.4, 0.1, "")
    entries: list[Entry] = [
        Began(f"run{number:02}", started, "harness bench", "1", "c" * 40, "P", "L"),
        CaseDone(case, list(metrics)),
        NightsCompared(list(history)),
        Ended(started),
    ]
    return build(entries)


def compared(folder: Path, number: int, *metrics: Metric, verdict: Verdict = "recorded") -> Report:
    """The same with the history in the folder, of which it becomes a part."""
    history = nights.remember(folder, night(number, *metrics, verdict=verdict))
    return night(number, *metrics, verdict=verdict, history=history)


def worse(histories: Sequence[FigureHistory]) -> list[str]:
    return [each.name for each in histories if each.regressed]


def copy(ratio: float, noise: float = 0.01) -> Metric:
    return Metric(
        "copy", "MB/s", 5000.0, 5000.0 / ratio, ratio, SITE, block_bytes=4096, against="private RAM", noise=noise,
        ratio_low=ratio * (1 - noise), ratio_high=ratio * (1 + noise),
    )  # fmt: skip


def trip(value: float) -> Metric:
    return Metric("round trip", "us", value, None, None, SITE, better="lower", noise=0.02)


def test_the_night_in_which_a_figure_became_worse_is_named(tmp_path: Path) -> None:
    for number in range(12):
        found = nights.remember(tmp_path, night(number, copy(0.98 if number < 9 else 0.7), trip(200.0)))
        names = [(one.name, one.regressed.run) for one in found if one.regressed]
        assert names == ([] if number < 9 else [("copy", "run09")])
    known = {key for key, _ in nights.entries(night(0, copy(1.0), trip(1.0)))}
    assert History(tmp_path / FILE).series().keys() == known


def test_a_figure_that_is_not_watched_has_no_history(tmp_path: Path) -> None:
    """And never becomes worse, whatever it does."""
    for number in range(12):
        alone = replace(copy(0.98 if number < 9 else 0.1), name="beside others", watched=False)
        found = nights.remember(tmp_path, night(number, alone, copy(0.98)))
        assert ([one.name for one in found], worse(found)) == (["copy"], [])


def test_the_report_of_a_night_says_since_when_a_figure_is_worse(tmp_path: Path) -> None:
    for number in range(8):
        report = compared(tmp_path, number, copy(0.98 if number < 6 else 0.5), trip(200.0))
        assert (report.run.verdict, report.run.exit_status) == (("partial", 4) if number < 6 else ("fail", 1))
    words = "copy 4096 bytes, desk pci · probe · serial: -49.0 % since run06 (2026-01-07)"
    assert list(lines(report.history)) == [f"regressed: {words}"]
    assert report.run.reasons == [f"a figure has regressed: {words}"]
    found, steady = sorted(report.history, key=lambda each: each.name)
    assert (list(found.nights), found.nights["run07"], found.too_noisy) == ([f"run0{n}" for n in range(8)], 0.5, [])
    assert [point.run for point in found.changes] == ["run06"]
    assert (steady.changes, steady.regressed) == ([], None)


def test_the_largest_change_is_named_first(tmp_path: Path) -> None:
    for number in range(8):
        report = compared(tmp_path, number, copy(0.9 if number < 6 else 0.7), trip(2.0 if number < 6 else 90.0))
    named = [line.partition(",")[0] for line in lines(report.history)]
    assert named == ["regressed: round trip", "regressed: copy 4096 bytes"]


def test_equal_nights_say_nothing(tmp_path: Path) -> None:
    for number in range(20):
        assert worse(nights.remember(tmp_path, night(number, copy(0.98), trip(200.0 + number % 3)))) == []


def test_a_night_that_was_too_noisy_counts_for_what_it_can_tell(tmp_path: Path) -> None:
    for number in range(10):
        nights.remember(tmp_path, night(number, copy(0.98)))
    assert worse(nights.remember(tmp_path, night(10, copy(0.6, noise=0.9)))) == []
    assert worse(nights.remember(tmp_path, night(11, copy(0.001, noise=0.9)))) == ["copy"]


def test_a_run_that_is_remembered_twice_counts_once(tmp_path: Path) -> None:
    report = night(0, copy(0.98))
    for _ in range(3):
        nights.remember(tmp_path, report)
    ((_, known),) = History(tmp_path / FILE).series().items()
    assert len(known) == 1


def test_a_ratio_to_another_reference_is_another_series(tmp_path: Path) -> None:
    for number, against in enumerate(("private RAM", "ivshmem-plain")):
        nights.remember(tmp_path, night(number, replace(copy(0.98), against=against)))
    assert sorted(key.unit for key in History(tmp_path / FILE).series()) == ["of ivshmem-plain", "of private RAM"]


def test_a_broken_history_is_a_bench_error(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("no database, but a text that is long enough to be looked at as one" * 3)
    with pytest.raises(BenchError, match="move the file away"):
        nights.remember(tmp_path, night(0, copy(0.98)))


# The command


@pytest.mark.parametrize(
    ("verdict", "ratios", "status", "outcome"),
    [
        ("recorded", [0.98] * 8, 0, "measured, 1 judged, 0 too noisy to judge"),
        ("recorded", [0.98] * 6 + [0.5] * 2, 1, "regressed, 1 judged, 0 too noisy to judge"),
        ("fail", [0.98] * 3, 1, "FAIL, 1 judged, 0 too noisy to judge"),
        ("error", [0.98] * 3, 2, "bench error, 1 judged, 0 too noisy to judge"),
    ],
)
def test_what_came_of_a_run(tmp_path: Path, verdict: Verdict, ratios: list[float], status: int, outcome: str) -> None:
    for number, ratio in enumerate(ratios):
        report = compared(tmp_path, number, copy(ratio), verdict=verdict)
    assert (bench.status_of(report, ["desk"]), bench.outcome(report, ["desk"])) == (status, outcome)


def test_a_run_without_figures_is_a_bench_error() -> None:
    assert bench.status_of(night(0), []) == 2


def test_the_document_has_figures_and_what_became_worse(tmp_path: Path) -> None:
    for number in range(8):
        report = compared(tmp_path, number, copy(0.98 if number < 6 else 0.5))
    document = json.loads(json.dumps(bench.document(report)))
    assert [(one["name"], one["ratio"], one["too_noisy"]) for one in document["figures"]] == [("copy", 0.5, False)]
    ((name, run, relative),) = [(one["name"], one["run"], one["relative"]) for one in document["regressed"]]
    assert (name, run) == ("copy", "run06")
    assert relative == pytest.approx(0.5 / 0.98 - 1)


def test_ratios_come_first_and_what_is_too_noisy_has_no_number() -> None:
    out = io.StringIO()
    many = replace(trip(200.0), name="many", percentiles={"min": 150.0, "p50": 200.0}, count=10080)
    bench.show(night(0, trip(31.25), copy(0.98), replace(copy(0.456), name="noisy", noise=0.4), many), out)
    text = " ".join(out.getvalue().split())
    titles = [text.index(title) for title in ("Ratios", "Without a reference", "Distributions of times")]
    assert titles == sorted(titles)
    assert "copy desk 4 KiB 0.980 (0.970 to 0.990) 5,000 MB/s 5,102 MB/s, private RAM" in text
    assert "noisy desk 4 KiB too noisy to judge (± 40 %) private RAM" in text
    assert "0.456" not in text
    assert "many, us desk 10080 150 200" in text


def test_an_unknown_bench_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert harness(["bench", "--bench", "nowhere"]) == 3
    assert "no bench nowhere" in capsys.readouterr().err
