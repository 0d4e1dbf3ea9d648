# SPDX-License-Identifier: Apache-2.0
"""What changed between two runs: verdicts first, then readings, then figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.report.comparing import pages
from harness.report.comparing.comparison import Comparison, compare
from harness.report.evidence.document import build
from harness.report.evidence.journal import Began, CaseDone, Ended, Entry, Journal, LookedAt, RunError, ScopeSet
from harness.report.evidence.model import BenchScope, Case, Metric, Observation, Report, Source, Verdict
from harness.report.exports import history
from harness.site import Site

LEFT, RIGHT = Site("left", "x86_64", "pci", "probe", "serial"), Site("right", "aarch64", "pci", "probe", "serial")


def case(requirement: str, verdict: Verdict, site: Site = LEFT, *answers: str) -> CaseDone:
    """A test of one requirement, with what it observed."""
    observed = [Observation("who answers", answer) for answer in answers]
    return CaseDone(
        Case(f"t.py::test_{requirement}", [requirement], site, verdict, 1.0, 0.0, 1.0, 0.0, "",
             reason=f"why {verdict}\nmore", observations=observed)
    )  # fmt: skip


def figure(value: float, site: Site = LEFT) -> CaseDone:
    """A test that measured something."""
    low, high = value / 100 - 0.01, value / 100 + 0.01
    metric = Metric(
        "write/copy", "MB/s", value, 100.0, value / 100, site, block_bytes=4096, ratio_low=low, ratio_high=high
    )
    return CaseDone(Case("t.py::test_speed", [], site, "pass", 1.0, 0.0, 1.0, 0.0, ""), [metric])


def report(*done: CaseDone, name: str = "run") -> Report:
    """The report of a run with these tests."""
    return build(
        [Began(name, "2026-01-01T00:00:00+00:00", "", "1", "", "", ""), *done, Ended("2026-01-01T00:01:00+00:00")]
    )


def _kinds(found: Comparison) -> list[tuple[str, str]]:
    return [(change.kind, change.requirement) for change in found.verdicts]


def test_verdicts_that_changed_stand_in_the_order_of_their_weight() -> None:
    old = report(
        case("R-1", "fail"), case("R-2", "pass"), case("R-3", "pass"), case("R-4", "pass"), case("R-5", "skipped")
    )
    new = report(
        case("R-1", "pass"), case("R-2", "fail"), case("R-3", "error"), case("R-5", "recorded"), case("R-6", "skipped")
    )
    found = compare(old, new)
    assert _kinds(found) == [
        ("new failure", "R-2"),
        ("newly not judged", "R-3"),
        ("newly not judged", "R-4"),
        ("fixed", "R-1"),
        ("newly judged", "R-5"),
        ("other", "R-6"),
    ]
    assert found.worse
    assert (found.verdicts[2].old, found.verdicts[2].new) == ("pass", "not tried")
    assert not compare(old, old).verdicts
    assert not compare(report(case("R-1", "fail")), report(case("R-1", "pass"))).worse


def whole(*entries: Entry, source: str = "a" * 40) -> Report:
    """The report of a run that is a PASS when the entries take nothing away."""
    scope = ScopeSet([BenchScope("left", "board left", "7.0", "everything", ["R-1"])])
    sources = [Source("the harness", source)]
    began = Began("run", "2026-01-01T00:00:00+00:00", "", "1", "", "", "", sources=sources)
    judged: list[Entry] = [case("R-1", "pass"), LookedAt(["t.py::test_R-1"])]
    return build([began, scope, *judged, *entries, Ended("2026-01-01T00:01:00+00:00")])


KILLED = RunError("left: pytest was ended by SIGKILL")
NAMELESS = CaseDone(Case("t.py::test_nameless", [], LEFT, "fail", 1.0, 0.0, 1.0, 0.0, ""))


@pytest.mark.parametrize(
    ("new", "verdict", "why"),
    [
        (whole(KILLED), "FAIL", "left: pytest was ended by SIGKILL"),
        (whole(NAMELESS), "FAIL", "1 test failed"),
        (whole(source=""), "PARTIAL", "the commit of the harness is not known"),
    ],
)
def test_a_run_whose_verdict_fell_is_worse_although_no_requirement_changed(new: Report, verdict: str, why: str) -> None:
    old = whole()
    found = compare(old, new)
    assert not found.verdicts
    assert found.worse
    said = pages.markdown(found)
    assert f"# PASS to {verdict}" in said
    assert f"## Why it is {verdict} now\n\n* {why}" in said
    assert why in history.in_one_line(found, new)
    assert "no verdict changed" not in history.in_one_line(found, new)
    assert not compare(new, old).worse
    assert not compare(new, new).worse
    assert "Why it is" not in pages.markdown(compare(new, old))


def test_readings_that_changed_are_told_by_place() -> None:
    old = report(case("R-7", "pass", LEFT, "the first", "the last"), case("R-7", "pass", RIGHT, "nobody"))
    new = report(case("R-7", "pass", LEFT, "the last"), case("R-7", "pass", RIGHT, "nobody"))
    (change,) = compare(old, new).readings
    assert (change.site, change.old, change.new) == (LEFT, ["the first", "the last"], ["the last"])


def test_two_items_of_one_bench_each_are_compared_side_by_side() -> None:
    found = compare(
        report(case("R-1", "pass", LEFT, "a")),
        report(case("R-1", "fail", Site("other", "x86_64", "pci", "probe", "serial"), "b")),
    )
    assert _kinds(found) == [("new failure", "R-1")]
    assert [(change.old, change.new) for change in found.readings] == [(["a"], ["b"])]


def test_figures_come_last_and_change_no_status() -> None:
    found = compare(report(figure(99.0)), report(figure(50.0)))
    assert [(change.name, change.verdict) for change in found.figures] == [("write/copy", "worse")]
    assert not found.worse
    assert not compare(report(figure(99.0)), report(figure(98.9))).figures


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """The folders of two runs, of which the second has a failure with marks in its text."""
    folders = []
    for name, verdict in (("old", "pass"), ("new", "fail")):
        (tmp_path / name).mkdir()
        with Journal(tmp_path / name / "journal.jsonl") as journal:
            journal.write(Began(name, "2026-01-01T00:00:00+00:00", "", "1", "", "", ""))
            journal.write(case("R-1", verdict, LEFT, f"<b>{name}</b> | *"))  # type: ignore[arg-type]
            journal.write(figure(99.0 if name == "old" else 50.0))
            journal.write(Ended("2026-01-01T00:01:00+00:00"))
        folders.append(tmp_path / name)
    return folders[0], folders[1]


def test_the_command_tells_what_became_worse(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = map(str, runs)
    assert main(["compare", old, new, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().out
    assert "# PARTIAL to FAIL" in said
    assert "* R-1 (left pci probe serial): pass to fail: why fail" in said
    assert r"* who answers (left pci probe serial): \<b\>old\</b\> \| \* to \<b\>new\</b\> \| \*" in said
    assert "## Figures: 1 worse, 0 better" in said
    assert said.index("## Verdicts") < said.index("## Readings") < said.index("## Figures")
    page = (tmp_path / "out" / pages.PAGE).read_text()
    assert "&lt;b&gt;new&lt;/b&gt;" in page
    assert "<h2>Why it is FAIL now</h2>\n<ul>\n<li>1 test failed</li>" in page
    assert "<b>" not in page
    assert (tmp_path / "out/compare.md").read_text() in said
    written = json.loads((tmp_path / "out/compare.json").read_text())
    assert [change["kind"] for change in written["verdicts"]] == ["new failure"]
    assert main(["compare", new, old]) == 0
    assert main(["compare", old, old]) == 0
    assert main(["compare", old, str(tmp_path / "nothing")]) == 3
